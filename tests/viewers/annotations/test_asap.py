"""ASAP's XML: against places written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely

from viewers.annotations.annotation import Kind
from viewers.annotations.files import load
from viewers.errors import SourceError
from viewers.geometry import Size

SLIDE = Size(10_000, 8_000)


def annotation(kind: str, places: list[tuple[float, float]], group: str = "None", name: str = "Annotation 0") -> str:
    found = "".join(f'<Coordinate Order="{number}" X="{x}" Y="{y}"/>' for number, (x, y) in enumerate(places))
    attributes = f'Name="{name}" Type="{kind}" PartOfGroup="{group}" Color="#F4FA58"'
    return f"<Annotation {attributes}><Coordinates>{found}</Coordinates></Annotation>"


def write(folder: Path, *annotations: str, groups: str = "") -> Path:
    path = folder / "marks.xml"
    path.write_text(
        f'<?xml version="1.0"?>\n<ASAP_Annotations><Annotations>{"".join(annotations)}</Annotations>'
        f"<AnnotationGroups>{groups}</AnnotationGroups></ASAP_Annotations>",
        encoding="utf-8",
    )
    return path


def test_every_type_is_read(tmp_path: Path):
    corners = [(10.5, 20), (110.5, 20), (110.5, 70), (10.5, 70)]
    diamond = [(100.0, 0.0), (200, 100), (100, 200), (0, 100)]
    path = write(
        tmp_path,
        annotation("Polygon", diamond, "metastases", "A &amp; B"),
        annotation("Rectangle", corners, "metastases"),
        annotation("Dot", [(5, 6)]),
        annotation("PointSet", [(1, 2), (3, 4)], "normal"),
        annotation("Spline", diamond),
        annotation("Measurement", [(0, 0), (3, 4)]),
        annotation("None", []),
        groups='<Group Name="metastases" PartOfGroup="None" Color="#ff0080"><Attributes/></Group>',
    )
    loaded = load(path, SLIDE)
    tumour, box, dot, dots, spline, ruler = loaded.marks
    assert (tumour.kind, tumour.class_name, tumour.name, tumour.geometry.area) == (Kind.POLYGON, "metastases", "A & B", 20_000)
    assert (box.kind, box.geometry.bounds) == (Kind.RECTANGLE, (10.5, 20, 110.5, 70))
    assert (dot.kind, dot.class_name, len(dots.geometry.geoms), ruler.kind) == (Kind.POINTS, "", 2, Kind.LINE)
    assert {one.name: one.colour for one in loaded.classes} == {"metastases": (255, 0, 128), "normal": (0xF4, 0xFA, 0x58)}
    assert all(spline.geometry.exterior.distance(shapely.Point(place)) < 1e-9 for place in diamond)
    assert spline.geometry.area > 20_000
    assert set(loaded.notes) == {"1 spline is drawn as an outline.", "1 annotation without a place is left out."}


def test_the_order_that_is_written_counts(tmp_path: Path):
    mixed = [(0, 0, 0), (2, 10, 10), (1, 10, 0), (3, 0, 10)]
    places = "".join(f'<Coordinate Order="{order}" X="{x}" Y="{y}"/>' for order, x, y in mixed)
    path = write(tmp_path, f'<Annotation Name="a" Type="Polygon"><Coordinates>{places}</Coordinates></Annotation>')
    assert load(path, SLIDE).marks[0].geometry.area == 100


ENTITIES = '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d SYSTEM "file:///etc/passwd">]><ASAP_Annotations>&d;</ASAP_Annotations>'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (ENTITIES, "has a DOCTYPE"),
        ("<ASAP_Annotations><Annotations>", "is not valid XML near line 1"),
        ("<html/>", "is XML, but not of ASAP"),
        ("<ASAP_Annotations>" + "<a>" * 60, "is nested too deeply"),
        (f"<ASAP_Annotations>{annotation('Dot', [(float('nan'), 1)])}</ASAP_Annotations>", "no place on a slide in annotation 1"),
        (f"<ASAP_Annotations>{annotation('Dot', [(1, 1)])}</ASAP_Annotations>".replace('X="1"', 'X="one"'), "not a number"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, content: str, sentence: str):
    path = tmp_path / "marks.xml"
    path.write_text(content)
    with pytest.raises(SourceError) as raised:
        load(path, SLIDE)
    assert sentence in str(raised.value)
    assert str(raised.value).startswith("marks.xml ")
