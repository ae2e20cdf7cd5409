"""The teacher: a 3D morphable model fitted to a portrait, which renders training pairs with exact ground truth."""

from avatar_core.training.teacher.avatar import TeacherAvatar
from avatar_core.training.teacher.build import build_teacher_avatar
from avatar_core.training.teacher.clip import fit_clip, transfer
from avatar_core.training.teacher.fit import TeacherFit, fit_portrait
from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher.portrait import Portrait, cut_portrait, load_portrait
from avatar_core.training.teacher.variation import vary

__all__ = [
    "Portrait",
    "TeacherAvatar",
    "TeacherFit",
    "TeacherModel",
    "build_teacher_avatar",
    "cut_portrait",
    "fit_clip",
    "fit_portrait",
    "load_portrait",
    "transfer",
    "vary",
]
