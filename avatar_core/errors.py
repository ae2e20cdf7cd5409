"""Errors a person reads: each message names the file or device, what is wrong, and what to do about it."""


class AvatarError(Exception):
    """Base of every error this package raises for bad input; its message is meant for the user."""


class UnreadableImageError(AvatarError):
    """The photo cannot be opened or decoded."""


class NoFaceError(AvatarError):
    """No usable face was found in the photo."""


class WeightsError(AvatarError):
    """A weights file is missing, corrupt, or of another shape or version."""


class AvatarFileError(AvatarError):
    """A saved avatar cannot be read or written."""


class DeviceError(AvatarError):
    """The requested device is not available."""
