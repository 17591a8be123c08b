"""Compiled loops over pairs of layouts and over search states. Arguments are plain arrays; see `costs` and `path`."""

from __future__ import annotations

import numpy as np
from numba import njit

from planner.core.cost import WORD_BYTES
from planner.data.plan import ALIGNMENT_BYTES, CANARY_BYTES

UNREACHABLE = 2**60
SLACK_NS = 1e-4


@njit(cache=True, inline="always")
def _footprint(size):
    return (size + CANARY_BYTES + ALIGNMENT_BYTES - 1) // ALIGNMENT_BYTES * ALIGNMENT_BYTES


@njit(cache=True, inline="always")
def _send(size, s, t, hops, message_ns, byte_ps, ports, via, loads, relayed):
    """Add one message to the port loads; returns False if there is no way."""
    if hops[s, t] < 0:
        return False
    for h in range(hops[s, t]):
        duration = message_ns[s, t, h] + (size * byte_ps[s, t, h] + 999) // 1000
        for p in range(ports.shape[3]):
            if ports[s, t, h, p] >= 0:
                loads[h, ports[s, t, h, p]] += duration
        if h > 0:
            relayed[via[s, t, h]] += _footprint(size)
    return True


@njit(cache=True, inline="always")
def _phase_ns(loads):
    total = 0
    for h in range(loads.shape[0]):
        largest = 0
        for p in range(loads.shape[1]):
            largest = max(largest, loads[h, p])
        total += largest
    return total


@njit(cache=True, inline="always")
def _element_ns(table, n, rows, columns, channels):
    pixels = rows * columns
    time = table[n, 0] + table[n, 1] * rows + table[n, 2] * pixels + table[n, 3] * pixels * channels
    time += table[n, 4] * pixels * (channels % WORD_BYTES)
    return max(0, int(np.ceil(time - SLACK_NS)))


@njit(cache=True, inline="always")
def _chunk(start, stop, index, chunks):
    size = (stop - start) // chunks
    larger = (stop - start) % chunks
    first = start + index * size + min(index, larger)
    return first, first + size + (1 if index < larger else 0)


@njit(cache=True)
def fetch_pairs(
    rows_in,
    starts_in,
    stops_in,
    height_in,
    width_in,
    channels_in,
    rows_out,
    starts_out,
    stops_out,
    height_out,
    channels_out,
    row_first,
    row_stop,
    channel_first,
    channel_stop,
    column_first,
    column_stop,
    chunks,
    wanted,
    hops,
    message_ns,
    byte_ps,
    ports,
    via,
    port_count,
    copy_table,
):
    """Bringing an input from every layout (a) to every output layout (b), where `wanted[a, b]`.

    Returns int64 [a, b] communication, [a, b, node] copies in ns, and footprints of received and of relayed bytes; with
    chunks the sum of both is the largest chunk's.
    """
    count_a, nodes = starts_in.shape
    count_b = starts_out.shape[0]
    communication = np.full((count_a, count_b), UNREACHABLE, np.int64)
    copies = np.zeros((count_a, count_b, nodes), np.int64)
    received = np.zeros((count_a, count_b, nodes), np.int64)
    relays = np.zeros((count_a, count_b, nodes), np.int64)
    loads = np.zeros((message_ns.shape[2], port_count), np.int64)
    buffers = np.zeros(nodes, np.int64)
    relayed = np.zeros(nodes, np.int64)
    columns = max(0, column_stop - column_first)
    for a in range(count_a):
        for b in range(count_b):
            if not wanted[a, b]:
                continue
            total = 0
            reachable = True
            for k in range(chunks):
                loads[:] = 0
                relayed[:] = 0
                buffers[:] = 0
                busy = False
                for t in range(nodes):
                    if stops_out[b, t] <= starts_out[b, t]:
                        continue
                    if rows_out[b]:
                        r0, r1 = _chunk(starts_out[b, t], stops_out[b, t], k, chunks)
                        c0, c1 = 0, channels_out
                    else:
                        r0, r1 = _chunk(0, height_out, k, chunks)
                        c0, c1 = starts_out[b, t], stops_out[b, t]
                    if r1 <= r0:
                        continue
                    busy = True
                    nr0, nr1 = row_first[r0], row_stop[r1]
                    nc0, nc1 = channel_first[c0], channel_stop[c1]
                    if nr1 <= nr0 or nc1 <= nc0 or columns == 0:
                        continue
                    for s in range(nodes):
                        if s == t or stops_in[a, s] <= starts_in[a, s]:
                            continue
                        if rows_in[a]:
                            height = min(nr1, stops_in[a, s]) - max(nr0, starts_in[a, s])
                            depth = nc1 - nc0
                        else:
                            height = nr1 - nr0
                            depth = min(nc1, stops_in[a, s]) - max(nc0, starts_in[a, s])
                        if height > 0 and depth > 0:
                            size = height * depth * columns
                            if not _send(size, s, t, hops, message_ns, byte_ps, ports, via, loads, relayed):
                                reachable = False
                    o0, o1 = starts_in[a, t], stops_in[a, t]
                    if rows_in[a]:
                        or0, or1, oc0, oc1 = o0, o1, 0, channels_in
                    else:
                        or0, or1, oc0, oc1 = 0, height_in, o0, o1
                    cr0, cr1 = max(nr0, or0), min(nr1, or1)
                    cc0, cc1 = max(nc0, oc0), min(nc1, oc1)
                    size = (nr1 - nr0) * (nc1 - nc0) * columns
                    if o1 <= o0 or cr1 <= cr0 or cc1 <= cc0:
                        buffers[t] += _footprint(size)
                    elif cr0 == nr0 and cr1 == nr1 and cc0 == nc0 and cc1 == nc1:
                        pass
                    elif oc0 == nc0 and oc1 == nc1 and column_first == 0 and column_stop == width_in:
                        above = (cr0 - nr0) * (nc1 - nc0) * columns
                        below = (nr1 - cr1) * (nc1 - nc0) * columns
                        if above > 0:
                            buffers[t] += _footprint(above)
                        if below > 0:
                            buffers[t] += _footprint(below)
                    else:
                        buffers[t] += _footprint(size)
                        copies[a, b, t] += _element_ns(copy_table, t, cr1 - cr0, columns, cc1 - cc0)
                if not busy:
                    continue
                total += _phase_ns(loads)
                for n in range(nodes):
                    if buffers[n] + relayed[n] > received[a, b, n] + relays[a, b, n]:
                        received[a, b, n] = buffers[n]
                        relays[a, b, n] = relayed[n]
            if reachable:
                communication[a, b] = total
    return communication, copies, received, relays


@njit(cache=True)
def reduce_pairs(
    starts_in,
    stops_in,
    rows_out,
    starts_out,
    stops_out,
    height_out,
    width_out,
    channels_out,
    chunks,
    wanted,
    sums_ns,
    hops,
    message_ns,
    byte_ps,
    ports,
    via,
    port_count,
    accumulate_table,
    requantise_table,
):
    """INPUT_CHANNELS from every channel layout (a) to every output layout (b), where `wanted[a, b]`.

    sums_ns: [a], the slowest node's partial sums. Returns int64 [a, b] time and [a, b, node] footprints of sums,
    received sums and relayed messages (the largest chunk's).
    """
    count_a, nodes = starts_in.shape
    count_b = starts_out.shape[0]
    time = np.full((count_a, count_b), UNREACHABLE, np.int64)
    footprints = np.zeros((count_a, count_b, nodes), np.int64)
    loads = np.zeros((message_ns.shape[2], port_count), np.int64)
    buffers = np.zeros(nodes, np.int64)
    relayed = np.zeros(nodes, np.int64)
    finish = np.zeros(nodes, np.int64)
    for a in range(count_a):
        active = 0
        for s in range(nodes):
            if stops_in[a, s] > starts_in[a, s]:
                active += 1
        for b in range(count_b):
            if not wanted[a, b]:
                continue
            total = sums_ns[a]
            reachable = True
            finish[:] = 0
            for k in range(min(chunks, height_out)):
                r0, r1 = _chunk(0, height_out, k, chunks)
                loads[:] = 0
                relayed[:] = 0
                buffers[:] = 0
                for t in range(nodes):
                    own = stops_in[a, t] > starts_in[a, t]
                    if own:
                        buffers[t] += _footprint(4 * (r1 - r0) * width_out * channels_out)
                    if stops_out[b, t] <= starts_out[b, t]:
                        continue
                    if rows_out[b]:
                        height = min(r1, stops_out[b, t]) - max(r0, starts_out[b, t])
                        depth = channels_out
                    else:
                        height = r1 - r0
                        depth = stops_out[b, t] - starts_out[b, t]
                    if height <= 0:
                        continue
                    size = 4 * height * width_out * depth
                    others = active - 1 if own else active
                    buffers[t] += min(others, 1 if own else 2) * _footprint(size)
                    finish[t] += (active - 1) * _element_ns(accumulate_table, t, height, width_out, depth)
                    finish[t] += _element_ns(requantise_table, t, height, width_out, depth)
                    for s in range(nodes):
                        if (
                            s != t
                            and stops_in[a, s] > starts_in[a, s]
                            and not _send(size, s, t, hops, message_ns, byte_ps, ports, via, loads, relayed)
                        ):
                            reachable = False
                total += _phase_ns(loads)
                for n in range(nodes):
                    footprints[a, b, n] = max(footprints[a, b, n], buffers[n] + relayed[n])
            if reachable:
                time[a, b] = total + finish.max()
    return time, footprints


@njit(cache=True)
def extend(values, held, time, ram, cap, survivor, option, best, best_arc, best_option):
    """Relax all arcs of one option of one operator.

    values: [rest, a], time: [a, b], held: [rest, node] and ram: [a, b, node] footprints with the sum at most `cap`,
    survivor: [a], what of a lives on; best, best_arc, best_option: [rest, survivors, b], updated in place.
    """
    rest, count_a = values.shape
    count_b, nodes = ram.shape[1], ram.shape[2]
    for r in range(rest):
        for a in range(count_a):
            value = values[r, a]
            if value >= UNREACHABLE:
                continue
            s = survivor[a]
            for b in range(count_b):
                if value + time[a, b] >= best[r, s, b]:
                    continue
                fits = True
                for n in range(nodes):
                    if held[r, n] + ram[a, b, n] > cap[n]:
                        fits = False
                        break
                if fits:
                    best[r, s, b] = value + time[a, b]
                    best_arc[r, s, b] = a
                    best_option[r, s, b] = option


@njit(cache=True)
def retreat(after, held, time, ram, cap, survivor, before):
    """The same arcs backwards: after [rest, survivors, b] are values to the end, before [rest, a] is updated."""
    rest, count_a = before.shape
    count_b, nodes = ram.shape[1], ram.shape[2]
    for r in range(rest):
        for a in range(count_a):
            s = survivor[a]
            for b in range(count_b):
                value = time[a, b] + after[r, s, b]
                if value >= before[r, a]:
                    continue
                fits = True
                for n in range(nodes):
                    if held[r, n] + ram[a, b, n] > cap[n]:
                        fits = False
                        break
                if fits:
                    before[r, a] = value


@njit(cache=True)
def arcs_below(values, after, held, time, ram, cap, survivor, most, found):
    """All arcs (rest, a, b) on paths of value at most `most`; fills `found` [arcs, 3] and returns their number.

    The number may exceed the length of `found`, which then holds the first ones.
    """
    rest, count_a = values.shape
    count_b, nodes = ram.shape[1], ram.shape[2]
    count = 0
    for r in range(rest):
        for a in range(count_a):
            if values[r, a] >= UNREACHABLE:
                continue
            s = survivor[a]
            for b in range(count_b):
                if values[r, a] + time[a, b] + after[r, s, b] > most:
                    continue
                fits = True
                for n in range(nodes):
                    if held[r, n] + ram[a, b, n] > cap[n]:
                        fits = False
                        break
                if fits:
                    if count < len(found):
                        found[count, 0], found[count, 1], found[count, 2] = r, a, b
                    count += 1
    return count


@njit(cache=True)
def fewest_distinct_rows(first, stop):
    """result[n]: the fewest distinct input rows that n output rows read, row r reading [first[r], stop[r])."""
    height = len(first)
    best = np.full((height + 1, height), UNREACHABLE, np.int64)
    result = np.zeros(height + 1, np.int64)
    for r in range(height):
        best[1, r] = max(0, stop[r] - first[r])
    for count in range(1, height + 1):
        smallest = UNREACHABLE
        for r in range(count - 1, height):
            if count > 1:
                value = UNREACHABLE
                for q in range(count - 2, r):
                    value = min(value, best[count - 1, q] + max(0, stop[r] - max(first[r], stop[q])))
                best[count, r] = value
            smallest = min(smallest, best[count, r])
        result[count] = smallest
    return result


@njit(cache=True)
def count_compositions(total, caps):
    """How many vectors of integers 0 <= v[d] <= caps[d] sum up to `total` (as a float: it may be huge)."""
    ways = np.zeros(total + 1)
    ways[0] = 1.0
    for cap in caps:
        following = np.zeros(total + 1)
        for have in range(total + 1):
            if ways[have] > 0:
                for part in range(min(cap, total - have) + 1):
                    following[have + part] += ways[have]
        ways = following
    return ways[total]


@njit(cache=True)
def bounded_compositions(total, caps, limit):
    """All vectors of integers 0 <= v[d] <= caps[d] that sum up to `total`, at most `limit`: int32 [vectors, d]."""
    size = len(caps)
    room = np.zeros(size + 1, np.int64)
    for d in range(size - 1, -1, -1):
        room[d] = room[d + 1] + caps[d]
    result = np.zeros((limit, size), np.int32)
    vector = np.zeros(size, np.int64)
    count = 0
    position = 0
    left = total
    vector[0] = max(0, total - room[1])
    while position >= 0:
        if vector[position] > min(caps[position], left):
            position -= 1
            if position >= 0:
                left += vector[position]
                vector[position] += 1
        elif position == size - 1:
            if vector[position] == left:
                result[count] = vector
                count += 1
            position -= 1
            if position >= 0:
                left += vector[position]
                vector[position] += 1
        else:
            left -= vector[position]
            position += 1
            vector[position] = max(0, left - room[position + 1])
    return result[:count]


@njit(cache=True)
def row_traffic(
    low_in,
    high_in,
    level_in,
    active_high_in,
    low_out,
    high_out,
    level_out,
    active_low_out,
    group,
    fewest,
    most,
    union,
    overlap,
    complete,
    height_in,
    height_out,
    own_row_bytes,
    read_row_bytes,
    output_row_bytes,
    cap,
):
    """Rows that must move between relaxed row layouts a and b (see `relaxation`): three arrays int64 [a, b].

    All received rows and the number of messages, at least; and the most that one node receives or sends, at least, or
    -1 where a node's RAM is exceeded for sure.
    """
    count_a, nodes = low_in.shape
    count_b = low_out.shape[0]
    groups = group.max() + 1
    received = np.zeros((count_a, count_b), np.int64)
    messages = np.zeros((count_a, count_b), np.int64)
    worst = np.zeros((count_a, count_b), np.int64)
    size = np.zeros(groups, np.int64)
    for n in range(nodes):
        if group[n] >= 0:
            size[group[n]] += 1
    need_low = np.zeros(nodes, np.int64)
    need_high = np.zeros(nodes, np.int64)
    need_level = np.zeros(nodes, np.int64)
    group_need = np.zeros(groups, np.int64)
    group_most = np.zeros(groups, np.int64)
    some_receive = np.zeros(groups, np.int64)
    some_send = np.zeros(groups, np.int64)
    group_in = np.zeros(groups, np.int64)
    group_rest = np.zeros(groups, np.int64)
    for b in range(count_b):
        group_need[:] = height_out
        group_most[:] = 0
        for n in range(nodes):
            need_low[n] = fewest[low_out[b, n]]
            need_high[n] = most[high_out[b, n]]
            need_level[n] = fewest[min(level_out[b, n], height_out)]
            for g in range(groups):
                if g != group[n]:
                    group_need[g] -= high_out[b, n]
            if group[n] >= 0:
                group_most[group[n]] += need_high[n]
        for g in range(groups):
            group_need[g] = union[max(0, group_need[g])]
        m = active_low_out[b]
        halo = 0
        halo_total = 0
        if m > 1 and overlap > 0:
            halo_total = (m - 1) * overlap
            halo = (halo_total + m - 1) // m
        for a in range(count_a):
            most_moved = halo
            total = 0
            receivers = 0
            some_receive[:] = UNREACHABLE
            some_send[:] = UNREACHABLE
            group_in[:] = 0
            group_rest[:] = height_in
            fits = True
            for n in range(nodes):
                g = group[n]
                lacking = need_low[n] - high_in[a, n]
                if lacking > 0:
                    total += lacking
                    receivers += 1
                    most_moved = max(most_moved, lacking)
                if complete:
                    most_moved = max(most_moved, low_in[a, n] - need_high[n])
                used = (
                    max(low_in[a, n] * own_row_bytes, need_low[n] * read_row_bytes) + low_out[b, n] * output_row_bytes
                )
                if used > cap[n]:
                    fits = False
                    break
                for other in range(groups):
                    if other != g:
                        group_rest[other] -= high_in[a, n]
                if g >= 0:
                    group_in[g] += high_in[a, n]
                    if level_out[b, n] > 0 and level_out[b, n] <= high_out[b, n]:
                        some_receive[g] = min(some_receive[g], need_level[n] - high_in[a, n])
                    if level_in[a, n] > 0 and level_in[a, n] <= high_in[a, n]:
                        some_send[g] = min(some_send[g], level_in[a, n] - need_high[n])
            if not fits:
                worst[a, b] = -1
                continue
            for g in range(groups):
                if some_receive[g] < UNREACHABLE:
                    most_moved = max(most_moved, some_receive[g])
                    total = max(total, some_receive[g])
                lacking = group_need[g] - group_in[g]
                if lacking > 0:
                    most_moved = max(most_moved, (lacking + size[g] - 1) // size[g])
                    total = max(total, lacking)
                if complete:
                    if some_send[g] < UNREACHABLE:
                        most_moved = max(most_moved, some_send[g])
                    surplus = group_rest[g] - group_most[g]
                    if surplus > 0:
                        most_moved = max(most_moved, (surplus + size[g] - 1) // size[g])
            received[a, b] = max(total, halo_total)
            messages[a, b] = max(receivers, m // 2 if halo_total > 0 else 0)
            if most_moved > 0:
                messages[a, b] = max(1, messages[a, b])
            worst[a, b] = most_moved
    return received, messages, worst


@njit(cache=True)
def min_plus(values, costs):
    """result[r, b] = min over a of values[r, a] + costs[a, b]; infinite entries are skipped."""
    rest, count_a = values.shape
    count_b = costs.shape[1]
    result = np.full((rest, count_b), np.inf)
    for r in range(rest):
        row = result[r]
        for a in range(count_a):
            value = values[r, a]
            if value < np.inf:
                for b in range(count_b):
                    row[b] = min(row[b], value + costs[a, b])
    return result
