"""GeoJSON read and written again: against the JSON itself, read by Python's own parser."""

from __future__ import annotations

import gzip
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from viewers.annotations import files, json_pieces
from viewers.annotations.annotation import Annotation, Kind, Plane, rectangle
from viewers.annotations.classes import DEFAULT
from viewers.annotations.files import Loaded, Stopped, load, save
from viewers.errors import SourceError
from viewers.geometry import Size

SLIDE = Size(10_000, 8_000)
SQUARE = [[[0, 0], [40, 0], [40, 30], [0, 30], [0, 0]]]
EVERYTHING: dict[str, Any] = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": "a3cc6f1e-37a1-4a9e-8b54-0a3f6d0c0001",
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    [[100.25, 200], [900.5, 210.125], [905, 800], [100.25, 200]],
                    [[600, 300], [700, 300], [700, 400], [600, 300]],
                ],
                "plane": {"c": -1, "z": 3, "t": 2},
            },
            "properties": {
                "objectType": "annotation",
                "name": 'Invasive "front", µ',
                "color": [1, 2, 3],
                "classification": {"name": "Tumor", "color": [200, 0, 0]},
                "isLocked": True,
                "measurements": {"Area µm^2": 123.456, "Solidity": "NaN", "Up": "Infinity", "Down": "-Infinity", "Odd": None},
                "metadata": {"Reader": "A", "Note": "b"},
                "childObjects": [
                    {
                        "type": "Feature",
                        "id": "a3cc6f1e-37a1-4a9e-8b54-0a3f6d0c0002",
                        "geometry": {"type": "Polygon", "coordinates": [[[610, 310], [620, 310], [615, 330], [610, 310]]]},
                        "nucleusGeometry": {"type": "Polygon", "coordinates": [[[612, 312], [618, 312], [615, 320], [612, 312]]]},
                        "properties": {
                            "objectType": "cell",
                            "classification": {"names": ["Tumor", "Positive"], "color": [250, 62, 62]},
                            "childObjects": [
                                {
                                    "type": "Feature",
                                    "id": "a3cc6f1e-37a1-4a9e-8b54-0a3f6d0c0003",
                                    "geometry": {"type": "Point", "coordinates": [615.5, 316.75]},
                                    "properties": {"objectType": "detection"},
                                }
                            ],
                        },
                    }
                ],
            },
        },
        {
            "type": "Feature",
            "id": "a3cc6f1e-37a1-4a9e-8b54-0a3f6d0c0004",
            "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [50, 0], [50, 20], [0, 20], [0, 0]]], "crs": "px"},
            "properties": {"objectType": "tile", "classification": {"name": "Stroma", "color": [150, 200, 150], "key": 7}},
            "bbox": [0, 0, 50, 20],
        },
        {
            "type": "Feature",
            "id": "seven",
            "geometry": {"type": "MultiPolygon", "coordinates": [SQUARE, [[[60, 0], [70, 0], [65, 5], [60, 0]]]]},
            "properties": {"objectType": "annotation", "extra": {"deep": [1, {"er": [True, None, "x"]}]}},
        },
        {
            "type": "Feature",
            "id": "lines",
            "geometry": {"type": "MultiLineString", "coordinates": [[[0, 0], [1, 1]], [[2, 2], [3, 3], [4, 0]]]},
            "properties": {"objectType": "annotation"},
        },
        {
            "type": "Feature",
            "id": "ruler",
            "geometry": {"type": "LineString", "coordinates": [[0.1, 0.2], [30.3, 40.4]]},
            "properties": {"objectType": "annotation"},
        },
        {
            "type": "Feature",
            "id": "dots",
            "geometry": {"type": "MultiPoint", "coordinates": [[5, 6], [7, 8], [5, 6]]},
            "properties": {"objectType": "annotation", "isMissing": False},
        },
    ],
}


def write(folder: Path, content: object, name: str = "marks.geojson") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def again(loaded: Loaded, folder: Path) -> dict[str, Any]:
    path = folder / "again.geojson"
    assert save(path, loaded.marks, loaded.classes) == ()
    found = json.loads(path.read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def same(one: Any, other: Any) -> bool:
    """Key order aside, numbers within 1e-6."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)) and not isinstance(one, bool):
        return abs(one - other) <= 1e-6 * max(1, abs(one))
    return bool(one == other)


def feature(geometry: dict[str, Any], id: str = "one", **properties: object) -> dict[str, Any]:
    return {"type": "Feature", "id": id, "geometry": geometry, "properties": {"objectType": "annotation", **properties}}


def collection(*features: dict[str, Any]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def test_a_file_with_everything_comes_back_as_it_was(tmp_path: Path):
    loaded = load(write(tmp_path, EVERYTHING), SLIDE)
    assert loaded.notes == ()
    assert same(again(loaded, tmp_path), EVERYTHING)


def test_what_was_read_is_what_the_file_says(tmp_path: Path):
    loaded = load(write(tmp_path, EVERYTHING), SLIDE)
    tumour, cell, dot, tile, parts, lines, ruler, dots = loaded.marks
    assert (tumour.kind, tumour.class_name, tumour.name, tumour.locked) == (Kind.POLYGON, "Tumor", 'Invasive "front", µ', True)
    assert tumour.plane == Plane(-1, 3, 2)
    assert tumour.measurements["Area µm^2"] == 123.456
    assert math.isnan(tumour.measurements["Solidity"])
    assert (tumour.measurements["Up"], tumour.measurements["Down"]) == (math.inf, -math.inf)
    assert len(tumour.geometry.interiors) == 1
    assert (cell.object_type, cell.class_name, json.loads(cell.rest)["parent"]) == ("cell", "Tumor: Positive", tumour.id)
    assert (dot.kind, dot.geometry.wkt, json.loads(dot.rest)["parent"]) == (Kind.POINTS, "MULTIPOINT ((615.5 316.75))", cell.id)
    assert (tile.kind, tile.object_type) == (Kind.RECTANGLE, "tile")
    assert (parts.kind, parts.geometry.area) == (Kind.POLYGON, 40 * 30 + 25)
    assert (lines.kind, ruler.kind, dots.kind) == (Kind.POLYLINE, Kind.LINE, Kind.POINTS)
    assert len(dots.geometry.geoms) == 3
    assert {one.name: one.colour for one in loaded.classes} == {
        "Tumor": (200, 0, 0), "Tumor: Positive": (250, 62, 62), "Stroma": (150, 200, 150)
    }  # fmt: skip
    assert [loaded.index.marks[int(number)].id for number in loaded.index.meeting((5990, 0, 6100, 7))] == []
    assert parts.id in [loaded.index.marks[int(number)].id for number in loaded.index.meeting((61, 0, 66, 3))]


def test_a_child_without_its_parent_is_written_by_itself(tmp_path: Path):
    loaded = load(write(tmp_path, EVERYTHING), SLIDE)
    path = tmp_path / "part.geojson"
    save(path, loaded.marks[1:], loaded.classes)
    first = json.loads(path.read_text())["features"][0]
    assert first["id"] == loaded.marks[1].id
    assert [one["id"] for one in first["properties"]["childObjects"]] == [loaded.marks[2].id]


NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 7))
PLACES = st.tuples(NUMBERS, NUMBERS).map(list)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
)


@st.composite
def outlines(draw: st.DrawFn) -> list[list[float]]:
    """Star-shaped, so valid."""
    x, y = draw(PLACES)
    radii = draw(st.lists(st.floats(1, 500), min_size=5, max_size=12))
    turns = [2 * math.pi * number / len(radii) for number in range(len(radii))]
    ring = [[x + radius * math.cos(turn), y + radius * math.sin(turn)] for turn, radius in zip(turns, radii, strict=True)]
    return [*ring, ring[0]]


GEOMETRIES = st.one_of(
    st.builds(lambda ring: {"type": "Polygon", "coordinates": [ring]}, outlines()),
    st.builds(lambda place: {"type": "Point", "coordinates": place}, PLACES),
    st.builds(lambda places: {"type": "MultiPoint", "coordinates": places}, st.lists(PLACES, min_size=2, max_size=5)),
    st.builds(lambda places: {"type": "LineString", "coordinates": places}, st.lists(PLACES, min_size=2, max_size=5)),
)
UNKNOWN = ("objectType", "object_type", "type", "name", "classification", "isLocked", "measurements", "childObjects", "children")
NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            GEOMETRIES, NAMES, st.dictionaries(NAMES, NUMBERS, min_size=1, max_size=3), st.dictionaries(TEXTS, VALUES, max_size=3)
        ),
        max_size=5,
    )
)
def test_any_features_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, given: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("any")
    made = []
    for number, (geometry, name, measurements, unknown) in enumerate(given):
        unknown = {key: value for key, value in unknown.items() if key not in UNKNOWN}
        made.append(feature(geometry, str(number), name=name, measurements=measurements, **unknown))
    loaded = load(write(folder, collection(*made)), SLIDE)
    assert same(again(loaded, folder), collection(*made))


def qupath_ellipse(x: float, y: float, width: float, height: float) -> list[list[float]]:
    """Flattened, closed, with two decimals, as QuPath writes one."""
    turns = np.linspace(0, 2 * math.pi, 65)
    ring = np.c_[x + width / 2 * (1 + np.cos(turns)), y + height / 2 * (1 + np.sin(turns))].round(2)
    ring[-1] = ring[0]
    return [[float(a), float(b)] for a, b in ring]


def test_ellipses_and_rectangles_as_qupath_writes_them(tmp_path: Path):
    made = collection(
        feature({"type": "Polygon", "coordinates": [qupath_ellipse(100, 50, 80, 40)], "isEllipse": True}, "e"),
        feature({"type": "Polygon", "coordinates": [[[9, 4], [9, 1], [2, 1], [2, 4], [9, 4]]]}, "r"),
        feature({"type": "Polygon", "coordinates": [[[0, 0], [5, 1], [4, 6], [-1, 5], [0, 0]]]}, "turned"),
        feature({"type": "Polygon", "coordinates": [[[0, 0], [5, 0], [5, 6], [2, 3], [0, 0]]]}, "not upright"),
    )
    loaded = load(write(tmp_path, made), SLIDE)
    assert [one.kind for one in loaded.marks] == [Kind.ELLIPSE, Kind.RECTANGLE, Kind.POLYGON, Kind.POLYGON]
    assert loaded.marks[0].geometry.bounds == (100, 50, 180, 90)
    assert same(again(loaded, tmp_path), made)


def test_an_ellipse_given_by_its_bounds_alone_is_made_round(tmp_path: Path):
    loaded = load(write(tmp_path, feature({"type": "Polygon", "coordinates": SQUARE, "isEllipse": True})), SLIDE)
    assert loaded.marks[0].geometry.bounds == (0, 0, 40, 30)
    assert loaded.marks[0].geometry.area == pytest.approx(math.pi * 20 * 15, rel=1e-3)


POINT = {"type": "Point", "coordinates": [3, 4]}


@pytest.mark.parametrize(
    "content",
    [feature(POINT), [feature(POINT)], POINT, [POINT], collection(feature(POINT))],
    ids=["feature", "array", "geometry", "geometries", "collection"],
)
def test_every_form_of_file_is_read(tmp_path: Path, content: object):
    (mark,) = load(write(tmp_path, content), SLIDE).marks
    assert mark.geometry.equals(shapely.Point(3, 4))


def test_what_older_programs_wrote_is_written_the_new_way(tmp_path: Path):
    given = [
        {
            "type": "Feature", "id": "PathDetectionObject", "geometry": POINT,
            "properties": {
                "classification": {"name": "Tumor", "colorRGB": -3670016},
                "measurements": [{"name": "Area", "value": 2.5}, {"name": "Odd", "value": "NaN"}],
                "children": [feature(POINT, "child", object_type="PathCellObject") | {"properties": {"object_type": "cell"}}],
            },
        },
        {"type": "Feature", "geometry": POINT, "properties": {"type": "tile", "classification": "Tumor: Positive"}},
        {"type": "Feature", "geometry": POINT, "properties": {"classification": {}}},
    ]  # fmt: skip
    loaded = load(write(tmp_path, given), SLIDE)
    assert [one.object_type for one in loaded.marks] == ["detection", "cell", "tile", "annotation"]
    first, tile, last = again(loaded, tmp_path)["features"]
    assert first["properties"]["classification"] == {"name": "Tumor", "color": [200, 0, 0]}  # -3670016 is 0xFFC80000
    assert first["properties"]["measurements"] == {"Area": 2.5, "Odd": "NaN"}
    assert first["properties"]["childObjects"][0]["id"] == "child"
    assert tile["properties"]["classification"]["names"] == ["Tumor", "Positive"]
    assert "classification" not in last["properties"]
    assert len({first["id"], tile["id"], last["id"]}) == 3


def test_a_key_written_twice_loses_nothing(tmp_path: Path):
    text = json.dumps(feature(POINT, metadata={"a": "1"})).replace('"metadata"', '"metadata": {"b": "2", "a": "0"}, "metadata"')
    assert again(load(write(tmp_path, text), SLIDE), tmp_path)["features"][0]["properties"]["metadata"] == {"a": "1", "b": "2"}


def test_bare_infinities_are_written_as_words(tmp_path: Path):
    text = (
        json.dumps(feature(POINT, measurements={"a": 1}, other=[2])).replace("1}", 'NaN, "b": 1e999}').replace("[2]", "[1e999]")
    )
    properties = again(load(write(tmp_path, text), SLIDE), tmp_path)["features"][0]["properties"]
    assert properties["measurements"] == {"a": "NaN", "b": "Infinity"}
    assert properties["other"] == ["Infinity"]


def test_a_collection_of_shapes_is_split_and_said(tmp_path: Path):
    shapes = {"type": "GeometryCollection", "geometries": [POINT, {"type": "Polygon", "coordinates": SQUARE}]}
    loaded = load(write(tmp_path, feature(shapes, "both", name="x")), SLIDE)
    assert [(one.kind, one.name) for one in loaded.marks] == [(Kind.POINTS, "x"), (Kind.RECTANGLE, "x")]
    assert loaded.marks[0].id == "both"
    assert loaded.notes == ("1 collection of shapes is split into its parts.",)


BOW = {"type": "Polygon", "coordinates": [[[0, 0], [10, 10], [10, 0], [0, 10], [0, 0]]]}
FLAT = {"type": "Polygon", "coordinates": [[[0, 0], [10, 10], [5, 5], [0, 0]]]}
SPOT = {"type": "Polygon", "coordinates": [[[3, 3], [3, 3], [3, 3], [3, 3]]]}


def test_outlines_that_cross_themselves_have_an_area_and_come_back_as_drawn(tmp_path: Path):
    made = collection(feature(BOW, "a", extra=1), feature(FLAT, "b"), feature(SPOT, "c"))
    loaded = load(write(tmp_path, made), SLIDE)
    bow, flat, spot = loaded.marks
    assert (bow.kind, flat.kind, spot.kind) == (Kind.POLYGON, Kind.POLYLINE, Kind.POINTS)
    assert bow.geometry.is_valid
    assert bow.geometry.area == pytest.approx(50)
    assert loaded.notes == (
        "1 outline crosses itself: every part it encloses counts as its area.",
        "2 outlines enclose no area and are kept as lines.",
    )
    assert same(again(loaded, tmp_path), made)
    moved = Annotation(shapely.transform(bow.geometry, lambda places: places + 100), Kind.POLYGON, "a", rest=bow.rest)
    save(tmp_path / "moved.json", [moved], ())
    (written,) = json.loads((tmp_path / "moved.json").read_text())["features"]
    assert shapely.from_geojson(json.dumps(written["geometry"])).equals(moved.geometry)


def test_what_is_mended_or_left_out_is_said(tmp_path: Path):
    open_ring = {"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [10, 10]]]}
    deep = {"type": "Point", "coordinates": [1, 2, 3]}
    long = {"name": "  A\nB " + "x" * 90, "color": [1, 2, 3, 4]}
    made = [
        feature(open_ring, "same"),
        feature(deep, "same"),
        feature({"type": "Polygon", "coordinates": []}),
        {**feature(POINT), "geometry": None},
        feature({"type": "Point", "coordinates": [20_000, 1]}, "far", classification=long),
    ]
    loaded = load(write(tmp_path, made), SLIDE)
    assert [one.kind for one in loaded.marks] == [Kind.POLYGON, Kind.POINTS, Kind.POINTS]
    assert loaded.marks[0].geometry.area == 50
    assert loaded.classes[0].name == "A B " + "x" * 76
    assert set(loaded.notes) == {
        "1 outline was not closed and is closed now.",
        "1 mark had the id of another and got a new one.",
        "The third coordinate of 1 shape is left out.",
        "2 features without a shape are left out.",
        "The name of 1 class was shortened or cleaned.",
        "1 mark lies outside the slide's 10\u00a0000 × 8\u00a0000 pixels: check that the file belongs to this slide.",
    }


DEEP = "[" * 100_000 + "]" * 100_000
CHILDREN = '{"type":"Feature","geometry":null,"properties":{"children":[' * 70 + "]}}" * 70


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "ends in the middle of its JSON"),
        ("{", "ends in the middle of its JSON"),
        ("hello", "is not valid JSON near character 1:"),
        ("[1, 2, 3]", "feature 1 is not an object"),
        ('{"a": 1}', "holds no GeoJSON features"),
        ('[{"type": "Feature", "properties": {}}]', "feature 1 has no geometry"),
        (json.dumps(collection(feature(POINT)))[:-3], "ends in the middle of its JSON"),
        (json.dumps(collection(feature(POINT))) + "x", "is not valid JSON near character"),
        (DEEP, "is nested too deeply"),
        ('{"a":' * 50_000, "is nested too deeply"),
        (CHILDREN, "feature 1 has more than 60 levels of children"),
        ('{"type":"Point","coordinates":[NaN,1]}', "has a coordinate that is not a number"),
        ('{"type":"Point","coordinates":[1e999,1]}', "has a coordinate that is not a number"),
        ('{"type":"Point","coordinates":[null,1]}', "has a coordinate that is not a number"),
        ('{"type":"Point","coordinates":["a",1]}', "has coordinates that are not numbers"),
        ('{"type":"Point","coordinates":[1e30,1]}', "has a coordinate beyond 1 000 000 000 pixels"),
        ('{"type":"Point","coordinates":[1]}', "not pairs of x and y"),
        ('{"type":"Polygon","coordinates":[[1,2],[3,4]]}', "not pairs of x and y"),
        ('{"type":"LineString","coordinates":[[1,2]]}', "has a line of one place"),
        ('{"type":"Sphere","coordinates":[[1,2]]}', "unknown type 'Sphere'"),
        ('{"geometry":{"type":"Polygon"}}', "feature 1 has a geometry without coordinates"),
        ('{"geometry":[1]}', "has a geometry that is not an object"),
        ('{"type":"GeometryCollection","geometries":7}', "holds a value that cannot be read"),
        ('{"type":"Point","coordinates":[' + "9" * 10_000_000 + ",1]}", "has a number of thousands of digits"),
        ('{"type":"Point","coordinates":[' + "9" * 4000 + ",1]}", "has coordinates that are not numbers"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, content: str, sentence: str):
    with pytest.raises(SourceError) as raised:
        load(write(tmp_path, content), SLIDE)
    assert sentence in str(raised.value)
    assert str(raised.value).startswith("marks.geojson")
    assert len(str(raised.value)) < 160


def test_bytes_that_are_no_text_and_a_missing_file(tmp_path: Path):
    path = tmp_path / "bad.geojson"
    path.write_bytes(b'{"type":"Point","name":"\xff\xfe","coordinates":[1,2]}')
    with pytest.raises(SourceError, match="not text in UTF-8"):
        load(path, SLIDE)
    with pytest.raises(SourceError, match="is not there"):
        load(tmp_path / "none.geojson", SLIDE)


def test_values_longer_than_what_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(json_pieces, "CHUNK", 7)
    loaded = load(write(tmp_path, json.dumps(EVERYTHING, ensure_ascii=False)), SLIDE)
    assert same(again(loaded, tmp_path), EVERYTHING)
    with pytest.raises(SourceError, match="not valid JSON"):
        load(write(tmp_path, json.dumps(EVERYTHING).replace("[905,", "[905;")), SLIDE)
    monkeypatch.setattr(json_pieces, "LARGEST_VALUE", 100)
    with pytest.raises(SourceError, match="one value of more than"):
        load(write(tmp_path, EVERYTHING), SLIDE)


def test_packed_files_are_read_and_damaged_ones_refused(tmp_path: Path):
    text = json.dumps(EVERYTHING).encode()
    packed = tmp_path / "a.geojson.gz"
    packed.write_bytes(gzip.compress(text))
    assert len(load(packed, SLIDE).marks) == 8
    packed.write_bytes(gzip.compress(text)[:-30])
    with pytest.raises(SourceError, match="packing is damaged"):
        load(packed, SLIDE)
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("../marks.json", text)
    assert len(load(archive, SLIDE).marks) == 8
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(SourceError, match="damaged ZIP"):
        load(archive, SLIDE)


def test_a_stopped_load_or_save_leaves_what_was_there(tmp_path: Path):
    def stop(share: float) -> None:
        raise Stopped

    path = write(tmp_path, EVERYTHING)
    before = path.read_bytes()
    with pytest.raises(Stopped):
        load(path, SLIDE, stop)
    with pytest.raises(Stopped):
        save(path, [Annotation(rectangle((0, 0), (5, 5)), Kind.RECTANGLE)], DEFAULT, progress=stop)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["marks.geojson"]


def test_a_folder_that_takes_no_file_says_so(tmp_path: Path):
    with pytest.raises(SourceError, match="cannot be written"):
        save(tmp_path / "none" / "a.geojson", [], DEFAULT)
    assert list(tmp_path.iterdir()) == []


def test_progress_goes_from_nothing_to_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(json_pieces, "CHUNK", 200)
    heard: list[float] = []
    load(write(tmp_path, EVERYTHING), SLIDE, heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1
    assert files.Stopped is Stopped
