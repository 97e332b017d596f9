"""Which landmarks drive which part of the flow.

The named contours come first, because the eye follows them; the rest was chosen by farthest-point sampling on the mean
frontal face, in mirrored pairs, so that no spot of the face is far from an anchor.
"""

from typing import Final

from . import landmarks as lm

# Spread over cheeks, nose and forehead.
_FACE_FILL: Final = [
    147, 376, 5, 36, 266, 116, 345, 207, 427, 217, 437, 137, 366, 6, 192, 416, 210, 430, 79, 309, 50, 280, 34,
    264, 215, 435, 151, 117, 346, 98, 327, 108, 337, 32, 262, 138, 367, 35,
]  # fmt: skip

# Lower face: chin, cheeks beside the mouth, base of the nose.
_MOUTH_FILL: Final = [
    136, 365, 50, 280, 176, 400, 198, 420, 192, 416, 1, 175, 203, 423, 211, 431, 207, 427, 101, 330, 75, 305,
    150, 379, 208, 428, 2, 200, 212, 432, 135, 364, 220, 440, 194, 418, 205, 425, 142, 371, 149, 378, 210,
    430, 187, 411, 169, 394, 165, 391, 216, 436, 49, 279, 214, 434, 36, 266, 202, 422, 206, 426, 238, 458,
]  # fmt: skip

# Lids and the skin around the right eye.
_RIGHT_EYE_FILL: Final = [
    51, 142, 122, 117, 131, 35, 217, 119, 71, 68, 121, 193, 156, 236, 229, 221, 31, 196, 245, 222, 111, 209,
    118, 101, 189,
]  # fmt: skip

FACE: Final = (
    lm.LIPS_OUTER + lm.LIPS_INNER + lm.RIGHT_EYE + lm.LEFT_EYE + lm.RIGHT_IRIS + lm.LEFT_IRIS
    + lm.RIGHT_BROW + lm.LEFT_BROW + lm.FACE_OVAL + _FACE_FILL
)  # fmt: skip
MOUTH: Final = lm.LIPS_OUTER + lm.LIPS_INNER + _MOUTH_FILL
RIGHT_LIDS: Final = lm.RIGHT_EYE + lm.RIGHT_BROW + _RIGHT_EYE_FILL
LEFT_LIDS: Final = [lm.MIRROR[i] for i in RIGHT_LIDS]
RIGHT_EYEBALL: Final = [*lm.RIGHT_IRIS, lm.RIGHT_EYE[0], lm.RIGHT_EYE[8]]  # with the corners, where it hardly moves
LEFT_EYEBALL: Final = [lm.MIRROR[i] for i in RIGHT_EYEBALL]
