"""What can go wrong between pixels and an answer, said in one sentence a clinician may read."""

from __future__ import annotations

from threading import Event


class InferenceError(Exception):
    """Base of all errors of this package. `str(error)` is one sentence: what, where, what to do."""


class ModelMissing(InferenceError):
    """The model asked for is not on this machine."""


class ModelRefused(InferenceError):
    """The model's files are not what they must be (layout, checksum, pickle, precision); nothing was loaded."""


class WrongName(ModelMissing):
    """A name that nothing bears: a model, a method, or a model named for work of another kind."""


class QuestionTooLong(InferenceError):
    """The words do not fit into what the model reads at once; nothing was asked."""


class SchemaRefused(InferenceError):
    """The form asked of an answer cannot be kept to: it says what is not known here, or does not fit into the tokens allowed."""


class ModelFailed(InferenceError):
    """The model ran and did not give an answer (not a number, out of memory at every step, …)."""


class OutsideTraining(ModelFailed):
    """The model was not made for this kind of picture; it is not asked, so that it cannot make something up."""


class EngineLost(InferenceError):
    """The engine process ended while it was working; it is started again for the next request."""


class Cancelled(InferenceError):
    """The reader stopped the request."""


def look(cancel: Event | None) -> None:
    """Raises Cancelled once it is set."""
    if cancel is not None and cancel.is_set():
        raise Cancelled("stopped on request")


class EndpointRefused(InferenceError):
    """An endpoint's address or particulars are wrong, or the reader has not confirmed its host; nothing was sent."""


class DownloadFailed(InferenceError):
    """A model's files could not be fetched; what was fetched is kept, and the next try goes on from there."""


class TermsNotAccepted(InferenceError):
    """The publisher's terms of this model were not accepted on this machine."""


NOT_FINITE = "the model answered NaN or infinity; its files or its number format are wrong, check the model"
"""Said by ModelFailed."""
