"""Every act that the route gives a sighting is one that a frame may hold."""

from __future__ import annotations

from grantline.model import sighting
from grantline.model.sighting import ACTS, Sighting
from grantline.wire.frames import decode_sightings, encode_sightings


def test_a_frame_holds_every_act_there_is() -> None:
    """One that was forgotten would have its records rejected by every worker."""
    told = {
        value
        for name, value in vars(sighting).items()
        if name.isupper() and isinstance(value, int) and not isinstance(value, bool)
    }
    assert told == ACTS
    made = [Sighting("dlg:d1", act, "0" * 16, 1) for act in sorted(ACTS)]
    assert decode_sightings(encode_sightings(made)) == made
