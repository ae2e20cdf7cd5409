"""Errors of the program around the engine; like the engine's own, their messages are meant for the user."""

from avatar_core.errors import AvatarError


class ConfigError(AvatarError):
    """A configuration file or a command-line value is wrong."""


class DriverError(AvatarError):
    """A camera, video or folder of images cannot be opened or stopped delivering."""


class WorkerError(AvatarError):
    """The workers of a batch cannot be started."""


class OutputError(AvatarError):
    """A file cannot be written where it was asked for."""
