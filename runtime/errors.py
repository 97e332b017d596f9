"""What can go wrong with a user's input: every error's text is one clear sentence that a command prints as it is."""


class VivantError(Exception):
    """Base of all errors that a user can cause or cure; `str(error)` is one sentence."""


class BundleError(VivantError):
    """The bundle of graphs is missing, incomplete, tampered with or of another format."""


class PictureError(VivantError):
    """A photo cannot be read, is empty, too large or not a picture."""


class FaceError(VivantError):
    """A photo shows no face that can be animated."""


class VideoError(VivantError):
    """A driving video cannot be read, has no frames or shows no face."""


class MotionError(VivantError):
    """A motion is unknown, its track is damaged, or it does not fit the wanted transfer."""


class OutputError(VivantError):
    """The wanted file or folder cannot be written."""


class CredentialsError(VivantError):
    """The certificate or key for signing cannot be used."""
