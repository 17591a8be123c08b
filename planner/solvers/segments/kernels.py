"""Compiled loops over the bands of fused segments. Arguments are plain arrays; see `bands` and `arcs`."""

from __future__ import annotations

import numpy as np
from numba import njit

from planner.solvers.kernels import UNREACHABLE, _element_ns, _footprint, _phase_ns, _send

SAVED = 1


@njit(cache=True)
def roll_bands(
    starts,
    stops,
    inputs,
    read_first,
    read_stop,
    hidden_first,
    hidden_stop,
    rolling,
    rows,
    cost_ns,
    ring_row_bytes,
    patch_row_bytes,
    strip_row_bytes,
    tile_row_bytes,
    scratch_bytes,
    input_rows,
):
    """What each band [starts[n], stops[n]) of a segment's output takes, if all of its input is streamed.

    Stages are numbered in order; tensor 0 comes from outside, tensor s + 1 is stage s's. inputs: [stage, input],
    tensors or -1; read_first, read_stop: [stage, input, row]; hidden_first, hidden_stop: [stage, row]; cost_ns:
    [stage, kind, row, rows, first, last]; scratch_bytes: [stage, kind]. Returns by band: first row and row behind the
    last of the input, rows of the input's ring, footprint of all other buffers but scratch, [band, kind] of the scratch
    and CPU time, and the number of advances.
    """
    count, stages, fan = len(starts), inputs.shape[0], inputs.shape[1]
    kinds = cost_ns.shape[1]
    first_row = np.zeros(count, np.int64)
    stop_row = np.zeros(count, np.int64)
    input_ring = np.zeros(count, np.int64)
    buffers = np.zeros(count, np.int64)
    scratch = np.zeros((count, kinds), np.int64)
    cpu = np.zeros((count, kinds), np.int64)
    advances = np.zeros(count, np.int64)
    height = cost_ns.shape[2]
    most = (stages + 1) * height
    log = np.zeros((most, 3 + 2 * fan), np.int64)
    low = np.zeros(stages + 1, np.int64)
    high = np.zeros(stages + 1, np.int64)
    done = np.zeros(stages + 1, np.int64)
    oldest = np.zeros(stages + 1, np.int64)
    ring = np.zeros(stages + 1, np.int64)
    patch = np.zeros(stages, np.int64)
    strip = np.zeros(stages, np.int64)
    tile = np.zeros(stages, np.int64)
    stack = np.zeros((most, 5), np.int64)
    for n in range(count):
        if stops[n] <= starts[n]:
            continue
        low[:] = height
        high[:] = -1
        low[stages], high[stages] = starts[n], stops[n]
        for s in range(stages - 1, -1, -1):
            if high[s + 1] < 0:
                continue
            a, b = low[s + 1], high[s + 1]
            if rolling[s] > 0:
                a, b = hidden_first[s, a], hidden_stop[s, b]
            for i in range(fan):
                t = inputs[s, i]
                if t >= 0 and b > a and read_stop[s, i, b] > read_first[s, i, a]:
                    low[t] = min(low[t], read_first[s, i, a])
                    high[t] = max(high[t], read_stop[s, i, b])
        done[:] = low
        patch[:] = 0
        strip[:] = 0
        tile[:] = 0
        logged = 0
        depth = 1
        # A frame: tensor, row to reach, next input (-1: no advance is under way), the advance's first and last row.
        stack[0, 0], stack[0, 1], stack[0, 2] = stages, stops[n], -1
        while depth > 0:
            t, goal, i = stack[depth - 1, 0], stack[depth - 1, 1], stack[depth - 1, 2]
            if i < 0:
                if done[t] >= goal:
                    depth -= 1
                    continue
                step = rows[t - 1] if t > 0 else input_rows
                start = done[t]
                stop = min(start + step, high[t])
                stack[depth - 1, 2], stack[depth - 1, 3], stack[depth - 1, 4] = 0, start, stop
                continue
            start, stop = stack[depth - 1, 3], stack[depth - 1, 4]
            s = t - 1
            a, b = start, stop
            fresh, last, kept = start, stop, stop
            if t > 0 and rolling[s] > 0:
                a, b = hidden_first[s, start], hidden_stop[s, stop]
                fresh, last, kept = a, b, b
                if rolling[s] == SAVED:
                    made = hidden_stop[s, start] if start > low[t] else a
                    fresh = min(max(a, made), b)
                    if min(stop + rows[s], high[t]) > stop:
                        kept = min(hidden_first[s, stop], b)
                a = fresh
            deeper = False
            while t > 0 and i < fan:
                source = inputs[s, i]
                if source >= 0 and b > a and read_stop[s, i, b] > read_first[s, i, a]:
                    stack[depth - 1, 2] = i + 1
                    stack[depth, 0], stack[depth, 1], stack[depth, 2] = source, read_stop[s, i, b], -1
                    depth += 1
                    deeper = True
                    break
                i += 1
            if deeper:
                continue
            log[logged, 0], log[logged, 1], log[logged, 2] = t, start, stop
            if t > 0:
                for j in range(fan):
                    source = inputs[s, j]
                    log[logged, 3 + 2 * j] = -1
                    if source >= 0 and b > a and read_stop[s, j, b] > read_first[s, j, a]:
                        log[logged, 3 + 2 * j] = source
                        log[logged, 4 + 2 * j] = read_first[s, j, a]
                if rolling[s] > 0:
                    patch[s] = max(patch[s], last - fresh)
                    strip[s] = max(strip[s], last - kept)
                    tile[s] = max(tile[s], stop - start)
                at_first = 1 if start == low[t] else 0
                at_last = 1 if stop >= high[t] else 0
                for kind in range(kinds):
                    cpu[n, kind] += cost_ns[s, kind, start, stop - start, at_first, at_last]
                    scratch[n, kind] = max(scratch[n, kind], scratch_bytes[s, kind])
            logged += 1
            done[t] = stop
            stack[depth - 1, 2] = -1
        advances[n] = logged
        oldest[:] = height
        ring[:] = 0
        for entry in range(logged - 1, -1, -1):
            t, start, stop = log[entry, 0], log[entry, 1], log[entry, 2]
            if t > 0:
                for j in range(fan):
                    source = log[entry, 3 + 2 * j]
                    if source >= 0:
                        oldest[source] = min(oldest[source], log[entry, 4 + 2 * j])
            ring[t] = max(ring[t], stop - min(oldest[t], start))
        for t in range(1, stages):
            if ring[t] > 0:
                buffers[n] += _footprint(ring[t] * ring_row_bytes[t])
        for s in range(stages):
            for size in (patch[s] * patch_row_bytes[s], strip[s] * strip_row_bytes[s], tile[s] * tile_row_bytes[s]):
                if size > 0:
                    buffers[n] += _footprint(size)
        if high[0] > low[0]:
            first_row[n], stop_row[n], input_ring[n] = low[0], high[0], ring[0]
    return first_row, stop_row, input_ring, buffers, scratch, cpu, advances


@njit(cache=True)
def stage_times(cost_ns, rows):
    """CPU time of all advances of a stage, `rows` at a time, over the rows [a, b) of its output: [kind, a, b].

    cost_ns: [kind, row, rows, first, last].
    """
    kinds, size = cost_ns.shape[0], cost_ns.shape[1]
    result = np.zeros((kinds, size, size), np.int64)
    for kind in range(kinds):
        for low in range(size - 1):
            before = 0
            for start in range(low, size - 1, rows):
                at_first = 1 if start == low else 0
                for count in range(1, min(rows, size - 1 - start) + 1):
                    result[kind, low, start + count] = before + cost_ns[kind, start, count, at_first, 1]
                if start + rows < size:
                    before += cost_ns[kind, start, rows, at_first, 0]
    return result


@njit(cache=True)
def stream_pairs(
    rows_in,
    starts_in,
    stops_in,
    own_in,
    row_bytes,
    width,
    channels,
    first_row,
    stop_row,
    input_ring,
    buffers,
    cpu_ns,
    input_rows,
    hops,
    message_ns,
    byte_ps,
    ports,
    via,
    port_count,
    copy_table,
):
    """A segment between every layout of its input (a) and of its output (b).

    starts_in, stops_in, own_in: [a, node], own footprints; first_row, stop_row, input_ring (rows), buffers (all others
    with own output and scratch), cpu_ns: [b, node]. Returns time [a, b] and footprints [a, b, node].
    """
    count_a, nodes = starts_in.shape
    count_b = first_row.shape[0]
    time = np.full((count_a, count_b), UNREACHABLE, np.int64)
    ram = np.zeros((count_a, count_b, nodes), np.int64)
    loads = np.zeros((message_ns.shape[2], port_count), np.int64)
    relayed = np.zeros(nodes, np.int64)
    passing = np.zeros(nodes, np.int64)
    streams = np.zeros(nodes, np.bool_)
    piece_first = np.zeros(nodes, np.int64)
    piece_stop = np.zeros(nodes, np.int64)
    work = np.zeros(nodes, np.int64)
    for a in range(count_a):
        single = 0
        for n in range(nodes):
            single += 1 if stops_in[a, n] > starts_in[a, n] else 0
        for b in range(count_b):
            passing[:] = 0
            loads[:] = 0
            relayed[:] = 0
            reachable = True
            rounds = 0
            for n in range(nodes):
                ram[a, b, n] = own_in[a, n] + buffers[b, n]
                work[n] = cpu_ns[b, n]
                streams[n] = False
                low, high = first_row[b, n], stop_row[b, n]
                if high <= low:
                    continue
                owns = stops_in[a, n] > starts_in[a, n]
                if rows_in[a] and owns and min(high, stops_in[a, n]) > max(low, starts_in[a, n]):
                    for part in range(2):
                        top = low if part == 0 else max(low, stops_in[a, n])
                        bottom = min(high, starts_in[a, n]) if part == 0 else high
                        if bottom <= top:
                            continue
                        ram[a, b, n] += _footprint((bottom - top) * row_bytes)
                    for s in range(nodes):
                        height = min(high, stops_in[a, s]) - max(low, starts_in[a, s])
                        if s != n and stops_in[a, s] > starts_in[a, s] and height > 0:
                            size = height * row_bytes
                            if not _send(size, s, n, hops, message_ns, byte_ps, ports, via, loads, relayed):
                                reachable = False
                elif not rows_in[a] and owns and stops_in[a, n] - starts_in[a, n] == channels:
                    pass
                else:
                    streams[n] = True
                    ram[a, b, n] += _footprint(input_ring[b, n] * row_bytes)
                    rounds = max(rounds, (high - low + input_rows - 1) // input_rows)
            total = _phase_ns(loads)
            for n in range(nodes):
                passing[n] = max(passing[n], relayed[n])
            before = -1
            for k in range(rounds):
                # Where every piece is as high as in the round before and comes from one place, so is the time.
                same = before >= 0 and (single == 1 or not rows_in[a])
                for n in range(nodes):
                    if streams[n]:
                        top = first_row[b, n] + k * input_rows
                        bottom = min(top + input_rows, stop_row[b, n])
                        same = same and max(bottom - top, 0) == piece_stop[n] - piece_first[n]
                        piece_first[n], piece_stop[n] = top, max(top, bottom)
                if same:
                    total += before
                    for n in range(nodes):
                        if streams[n] and not rows_in[a] and stops_in[a, n] > starts_in[a, n]:
                            height = piece_stop[n] - piece_first[n]
                            if height > 0:
                                depth = stops_in[a, n] - starts_in[a, n]
                                work[n] += _element_ns(copy_table, n, height, width, depth)
                    continue
                loads[:] = 0
                relayed[:] = 0
                for n in range(nodes):
                    if not streams[n] or piece_stop[n] <= piece_first[n]:
                        continue
                    for s in range(nodes):
                        if stops_in[a, s] <= starts_in[a, s]:
                            continue
                        if rows_in[a]:
                            height = min(piece_stop[n], stops_in[a, s]) - max(piece_first[n], starts_in[a, s])
                            depth = channels
                        else:
                            height = piece_stop[n] - piece_first[n]
                            depth = stops_in[a, s] - starts_in[a, s]
                        if height <= 0:
                            continue
                        if s == n:
                            work[n] += _element_ns(copy_table, n, height, width, depth)
                            continue
                        size = height * depth * width
                        if not _send(size, s, n, hops, message_ns, byte_ps, ports, via, loads, relayed):
                            reachable = False
                before = _phase_ns(loads)
                total += before
                for n in range(nodes):
                    passing[n] = max(passing[n], relayed[n])
            for n in range(nodes):
                ram[a, b, n] += passing[n]
            if reachable:
                time[a, b] = total + work.max()
    return time, ram
