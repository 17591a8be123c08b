"""The generated files follow from the layout."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from planner.planfmt import generate, layout
from planner.planfmt.records import Field, Record
from tests.runtime.native import INCLUDES, WARNINGS, needs_compiler


def test_generated_files_are_up_to_date() -> None:
    assert generate.main(["--check"]) == 0, "run: python -m planner.planfmt.generate"


def test_check_finds_a_change_and_writing_mends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header, document = tmp_path / "layout.h", tmp_path / "PLAN_FORMAT.md"
    header.write_text(generate.HEADER.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    document.write_text(generate.DOCUMENT.read_text(encoding="utf-8").replace("| 0 |", "| 1 |", 1), encoding="utf-8")
    monkeypatch.setattr(generate, "HEADER", header)
    monkeypatch.setattr(generate, "DOCUMENT", document)
    assert generate.main(["--check"]) == 1
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


def test_a_document_without_a_marker_is_refused() -> None:
    with pytest.raises(ValueError, match="markers of 'constants'"):
        generate.document("no markers")


@needs_compiler
def test_c_reads_and_writes_what_python_packs(tmp_path: Path) -> None:
    """For every record, C writes back the bytes that it read: offsets, sizes and signs agree."""
    packed = {record.name: bytes(range(1, record.size_bytes + 1)) for record in layout.RECORDS}
    lines = [
        f"{{ const uint8_t bytes[] = {{{', '.join(map(str, data))}}}; uint8_t copy[sizeof bytes] = {{0}};"
        f" const plr_{name}_t record = plr_{name}_read(bytes); plr_{name}_write(copy, &record);"
        f' if (sizeof bytes != PLR_{name.upper()}_BYTES || memcmp(bytes, copy, sizeof bytes)) puts("{name}"); }}'
        for name, data in packed.items()
    ]
    source = tmp_path / "records.c"
    body = "\n".join(lines)
    source.write_text(
        f'#include <stdio.h>\n#include "plr/layout.h"\nint main(void) {{\n{body}\nreturn 0; }}\n', encoding="utf-8"
    )
    program = tmp_path / "records"
    subprocess.run(["gcc", *WARNINGS, *INCLUDES, str(source), "-o", str(program)], check=True, timeout=60)
    assert subprocess.run([program], capture_output=True, timeout=10).stdout == b""
    for record in layout.RECORDS:
        assert record.pack(record.unpack(packed[record.name])) == packed[record.name]


def test_fields_lie_at_multiples_of_their_size() -> None:
    with pytest.raises(ValueError, match=r"odd\.number is misaligned"):
        Record("odd", "", (Field("byte", "u8", ""), Field("number", "u16", "")))


def test_every_record_and_number_is_documented() -> None:
    text = generate.DOCUMENT.read_text(encoding="utf-8")
    names = [field.name for record in layout.RECORDS for field in record.fields]
    names += [member for enumeration in layout.ENUMERATIONS for member in enumeration.members]
    assert [name for name in names if f"`{name}`" not in text] == []
