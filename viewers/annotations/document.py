"""All marks of one slide, and every change of them as a value that can be undone. For one thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from viewers.annotations.annotation import Annotation
from viewers.annotations.classes import DEFAULT, UNCLASSIFIED, AnnotationClass, Colour, unseen
from viewers.annotations.index import Index, Snapshot


@dataclass(frozen=True, slots=True)
class Change:
    """One mark before and after; None where it is not there."""

    before: Annotation | None
    after: Annotation | None

    @property
    def id(self) -> str:
        one = self.after or self.before
        return one.id if one is not None else ""

    def reversed(self) -> Change:
        return Change(self.after, self.before)


@dataclass(frozen=True, slots=True)
class Edit:
    """What one act of the reader changed. `classes` are all classes before and after, None where they stay."""

    what: str
    changes: tuple[Change, ...] = ()
    classes: tuple[tuple[AnnotationClass, ...], tuple[AnnotationClass, ...]] | None = None

    def reversed(self) -> Edit:
        classes = None if self.classes is None else (self.classes[1], self.classes[0])
        return Edit(self.what, tuple(change.reversed() for change in reversed(self.changes)), classes)


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """All marks at one version of a document; never changed."""

    marks: dict[str, Annotation]
    snapshot: Snapshot


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A large edit worked out on another thread for the document as it was at `version`."""

    make: Callable[[Mapping[str, Annotation]], Edit]
    edit: Edit
    back: Edit
    version: int
    after: State


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """An edit in the history. Of a large one the states around it are kept, so that going to and fro costs nothing."""

    edit: Edit
    back: Edit | None = None
    before: State | None = None
    after: State | None = None


class Annotations:
    """`listen` adds one who is told every edit as it is made, undone or made again; that is how it is painted and kept."""

    def __init__(
        self, marks: Iterable[Annotation] = (), classes: Sequence[AnnotationClass] = DEFAULT, index: Index | None = None
    ) -> None:
        """`index`, made elsewhere of the same marks, spares making it here."""
        self._marks = {one.id: one for one in marks}
        self._classes = tuple(classes)
        self._snapshot = Snapshot(index or Index(tuple(self._marks.values())))
        self._done: list[_Step] = []
        self._undone: list[_Step] = []
        self._version = 0
        self._lent = False
        """Whether `_marks` belongs to a state too and is to be copied before it changes."""
        self._listeners: list[Callable[[Edit], None]] = []

    def listen(self, listener: Callable[[Edit], None]) -> None:
        self._listeners.append(listener)

    def unlisten(self, listener: Callable[[Edit], None]) -> None:
        self._listeners.remove(listener)

    @property
    def marks(self) -> Mapping[str, Annotation]:
        """By id, in the order they were made: later ones lie above."""
        return self._marks

    @property
    def classes(self) -> tuple[AnnotationClass, ...]:
        return self._classes

    @property
    def snapshot(self) -> Snapshot:
        """The marks as they are now, for other threads too."""
        return self._snapshot

    def class_of(self, name: str) -> AnnotationClass | None:
        return next((one for one in self._classes if one.name == name), None)

    def colour_of(self, name: str) -> Colour:
        known = self.class_of(name)
        return known.colour if known else UNCLASSIFIED

    def add(self, marks: Iterable[Annotation], what: str = "draw") -> None:
        """New ones; classes they name and nobody knows come into being, in the same edit."""
        self.do(adding(marks, self._classes, what))

    def replace(self, changed: Iterable[Annotation], what: str) -> None:
        """Marks that take the place of those of the same id; locked ones stay as they are unless that is what is changed."""
        changes = tuple(Change(self._marks[one.id], one) for one in changed if one.id in self._marks)
        allowed = tuple(one for one in changes if one.before and one.after and (not one.before.locked or not one.after.locked))
        self.do(Edit(what, allowed))

    def remove(self, ids: Iterable[str], what: str = "delete") -> None:
        """Locked ones stay."""
        self.do(replace(removing(self._marks, ids), what=what))

    def exchange(self, old: Iterable[str], new: Iterable[Annotation], what: str) -> None:
        """Some go and others come, as one edit."""
        gone = tuple(Change(self._marks[id], None) for id in dict.fromkeys(old) if id in self._marks)
        self.do(Edit(what, (*gone, *(Change(None, one) for one in new))))

    def classify(self, ids: Iterable[str], name: str) -> None:
        """`name` "" takes the class away; locked ones stay as they are."""
        self.do(classifying(self._marks, ids, name))

    def set_classes(self, classes: Sequence[AnnotationClass], what: str = "change classes") -> None:
        """Raises ValueError where two bear the same name or key."""
        names, keys = [one.name for one in classes], [one.key for one in classes if one.key]
        if len(set(names)) < len(names) or len(set(keys)) < len(keys):
            raise ValueError("two classes must not have the same name or key")
        if tuple(classes) != self._classes:
            self.do(Edit(what, classes=(self._classes, tuple(classes))))

    def rename_class(self, old: str, new: AnnotationClass) -> None:
        """The class and every mark of it, as one edit. Raises ValueError where the new name is taken."""
        if new.name != old and self.class_of(new.name) is not None:
            raise ValueError(f"there is a class {new.name} already")
        classes = tuple(new if one.name == old else one for one in self._classes)
        changes: tuple[Change, ...] = ()
        if new.name != old:
            marks = [one for one in self._marks.values() if one.class_name == old]
            changes = tuple(Change(one, replace(one, class_name=new.name)) for one in marks)
        self.do(Edit(f"change class {old}", changes, (self._classes, classes)))

    def remove_class(self, name: str) -> None:
        """Its marks stay, unclassified, as one edit."""
        classes = tuple(one for one in self._classes if one.name != name)
        marks = [one for one in self._marks.values() if one.class_name == name]
        changes = tuple(Change(one, replace(one, class_name="")) for one in marks)
        self.do(Edit(f"remove class {name}", changes, (self._classes, classes)))

    @property
    def undoable(self) -> str:
        """What `undo` would undo, "" for nothing."""
        return self._done[-1].edit.what if self._done else ""

    @property
    def redoable(self) -> str:
        return self._undone[-1].edit.what if self._undone else ""

    def undo(self) -> bool:
        """Take back the last edit; whether there was one."""
        if not self._done:
            return False
        step = self._done.pop()
        self._undone.append(step)
        self._apply(step.back or step.edit.reversed(), step.before)
        return True

    def redo(self) -> bool:
        if not self._undone:
            return False
        step = self._undone.pop()
        self._done.append(step)
        self._apply(step.edit, step.after)
        return True

    def prepare(self, make: Callable[[Mapping[str, Annotation]], Edit]) -> Prepared:
        """Work out a large edit of the marks as they are. For another thread; nothing changes before `commit`."""
        version, marks = self._version, dict(self._marks)
        edit = make(marks)
        for change in edit.changes:
            if change.after is None:
                marks.pop(change.id, None)
            else:
                marks[change.id] = change.after
        return Prepared(make, edit, edit.reversed(), version, State(marks, Snapshot(Index(tuple(marks.values())).prepare())))

    def commit(self, prepared: Prepared) -> bool:
        """Let it happen, at once; False where something else was edited meanwhile: it is to be prepared again."""
        if prepared.version != self._version:
            return False
        if prepared.edit.changes or prepared.edit.classes:
            self._lent = True
            self._done.append(_Step(prepared.edit, prepared.back, State(self._marks, self._snapshot), prepared.after))
            self._undone.clear()
            self._apply(prepared.edit, prepared.after)
        return True

    def do(self, edit: Edit) -> None:
        """Make an edit that was put together of the marks as they are now."""
        if edit.changes or edit.classes:
            self._done.append(_Step(edit))
            self._undone.clear()
            self._apply(edit, None)

    def _apply(self, edit: Edit, state: State | None) -> None:
        """`state` is what comes of it, where that is known."""
        self._version += 1
        if state is not None:
            self._marks, self._snapshot, self._lent = state.marks, state.snapshot, True
        elif edit.changes:
            self._change(edit.changes)
        if edit.classes is not None:
            self._classes = edit.classes[1]
        for listener in list(self._listeners):
            listener(edit)

    def _change(self, changes: Sequence[Change]) -> None:
        if self._lent:
            self._marks, self._lent = dict(self._marks), False
        for change in changes:
            if change.after is None:
                self._marks.pop(change.id, None)
            else:
                self._marks[change.id] = change.after
        self._snapshot = self._snapshot.after([(change.id, change.after) for change in changes], self._marks)


def classifying(marks: Mapping[str, Annotation], ids: Iterable[str], name: str) -> Edit:
    """The edit that gives marks a class; `name` "" takes it away. Locked ones stay as they are."""
    chosen = (marks[id] for id in ids if id in marks)
    changes = (Change(one, replace(one, class_name=name)) for one in chosen if one.class_name != name and not one.locked)
    return Edit(f"classify as {name or 'none'}", tuple(changes))


def removing(marks: Mapping[str, Annotation], ids: Iterable[str]) -> Edit:
    """The edit that deletes marks; locked ones stay."""
    chosen = (marks[id] for id in dict.fromkeys(ids) if id in marks)
    return Edit("delete", tuple(Change(one, None) for one in chosen if not one.locked))


def adding(marks: Iterable[Annotation], classes: Sequence[AnnotationClass], what: str) -> Edit:
    """The edit that adds marks; classes they name and that are not among `classes` come into being with them."""
    added = tuple(one for one in marks if not one.geometry.is_empty)
    known = {one.name for one in classes}
    keys = {one.key for one in classes}
    missing = (unseen(name) for name in dict.fromkeys(one.class_name for one in added if one.class_name) if name not in known)
    new = tuple(replace(one, key="") if one.key in keys else one for one in missing)
    old = tuple(classes)
    return Edit(what, tuple(Change(None, one) for one in added), (old, old + new) if new else None)
