"""The buttons: each begins something and returns at once; no error gets out into Blender."""

from __future__ import annotations

from typing import Any, Callable, Set, Tuple

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from smite_hosts import Answer, HostProblem
from smite_hosts.job_status import DONE

from . import app as apps
from . import host, learn, mattes
from .app import LEARN, MATTES, App
from .words import in_blender

Action = Callable[[App, str], None]
_JOBS = [(LEARN, "Learning", ""), (MATTES, "Mattes", "")]


def act(operator: Any, scene: str, kind: str, action: Action) -> Set[str]:
    """Do what a button does; a problem is shown in the panel and told as an error."""
    the_app = apps.app()
    the_app.log.info("%s of %s", operator.bl_idname, scene)
    try:
        action(the_app, scene)
    except HostProblem as problem:
        return _failed(operator, scene, kind, problem)
    except Exception as problem:  # the file and the artist's work come first
        the_app.log.exception("a fault in %s", operator.bl_idname)
        fault = HostProblem("fault", detail=f"{type(problem).__name__}: {problem}")
        return _failed(operator, scene, kind, fault)
    return {"FINISHED"}


def _failed(operator: Any, scene: str, kind: str, problem: HostProblem) -> Set[str]:
    message = in_blender(problem)
    apps.app().log.warning("%s", message)
    apps.say(scene, kind, message, problem=True)
    operator.report({"ERROR"}, message)
    return {"CANCELLED"}


class _JobOperator(bpy.types.Operator):
    """A button that begins a job; scripts without a window may wait for its end."""

    kind = ""
    __annotations__ = {"wait": BoolProperty(default=False, options={"HIDDEN", "SKIP_SAVE"})}

    def begin(self, the_app: App, scene: str) -> None:
        """Begin the job. Raises HostProblem."""
        raise NotImplementedError

    def execute(self, context: Any) -> Set[str]:
        """Begin, and with ``wait`` make calls until the job has ended."""
        scene = context.scene.name
        begun = act(self, scene, self.kind, self.begin)
        if "CANCELLED" in begun or not self.wait:
            return begun
        settings = host.settings(scene)
        controller = apps.app().job_of(scene, self.kind).controller
        status = f"{self.kind}_status"

        def finished() -> bool:
            asking = getattr(settings, status) == "asking the server"
            return not asking and not controller.busy and not host.queue.waiting

        host.run_until(finished)
        if controller.status.phase == DONE and not getattr(settings, f"{self.kind}_failed"):
            return {"FINISHED"}
        self.report({"ERROR"}, getattr(settings, status))
        return {"CANCELLED"}


class SMITE_OT_learn(_JobOperator):  # noqa: N801  (Blender's rule for names)
    """Learn the parts from the references, as a new version of the part model"""

    bl_idname = "smite.learn"
    bl_label = "Learn"
    kind = LEARN

    def begin(self, the_app: App, scene: str) -> None:
        """Ask for the known versions, then learn."""
        learn.learn(the_app, scene)


class SMITE_OT_generate(_JobOperator):  # noqa: N801
    """Make the mattes of the frames; after Cancel it goes on where it was"""

    bl_idname = "smite.generate"
    bl_label = "Generate"
    kind = MATTES

    def begin(self, the_app: App, scene: str) -> None:
        """Have the mattes made."""
        mattes.generate(the_app, scene)


class SMITE_OT_cancel(bpy.types.Operator):  # noqa: N801
    """Cancel the job; finished mattes are kept"""

    bl_idname = "smite.cancel"
    bl_label = "Cancel"
    __annotations__ = {"kind": EnumProperty(items=_JOBS, default=MATTES)}

    def execute(self, context: Any) -> Set[str]:
        """Cancel it."""

        def cancel(the_app: App, scene: str) -> None:
            the_app.job_of(scene, self.kind).controller.cancel(scene)

        return act(self, context.scene.name, self.kind, cancel)


class SMITE_OT_reload(bpy.types.Operator):  # noqa: N801
    """Show the mattes that are on the disk, and look for a job that runs"""

    bl_idname = "smite.reload"
    bl_label = "Reload"

    def execute(self, context: Any) -> Set[str]:
        """Look again."""
        return act(self, context.scene.name, MATTES, mattes.reload)


class SMITE_OT_models(bpy.types.Operator):  # noqa: N801
    """Ask the server which part models it has"""

    bl_idname = "smite.models"
    bl_label = "List part models"

    def execute(self, context: Any) -> Set[str]:
        """Ask; the menu has the answer."""
        return act(self, context.scene.name, LEARN, learn.list_models)


class SMITE_OT_use_model(bpy.types.Operator):  # noqa: N801
    """Use this part model"""

    bl_idname = "smite.use_model"
    bl_label = "Use part model"
    __annotations__ = {"name": StringProperty()}

    def execute(self, context: Any) -> Set[str]:
        """Choose it."""
        context.scene.smite.model = self.name
        return {"FINISHED"}


class SMITE_OT_edit(bpy.types.Operator):  # noqa: N801
    """Add or remove a reference, or a part of it"""

    bl_idname = "smite.edit"
    bl_label = "Edit references"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012
    __annotations__ = {
        "action": EnumProperty(
            items=[
                (name, name.replace("_", " ").capitalize(), "")
                for name in ("ADD", "REMOVE", "ADD_PART", "REMOVE_PART")
            ]
        ),
        "index": IntProperty(description="Which reference"),
        "part": IntProperty(description="Which of its parts"),
    }

    def execute(self, context: Any) -> Set[str]:
        """Change the list; a new reference is of the frame that is shown."""
        return act(self, context.scene.name, LEARN, lambda _, scene: self._change(scene))

    def _change(self, scene: str) -> None:
        references = bpy.data.scenes[scene].smite.references
        if self.action == "ADD":
            made = references.add()
            made.frame = _plate_frame(scene)
            made.parts.add()
        elif self.action == "REMOVE":
            references.remove(self.index)
        elif self.action == "ADD_PART":
            references[self.index].parts.add()
        else:
            references[self.index].parts.remove(self.part)


def _plate_frame(scene: str) -> int:
    now = host.current_frame(scene)
    try:
        return host.plate_of(scene).number_at(now)
    except HostProblem:
        return now


class SMITE_OT_check(bpy.types.Operator):  # noqa: N801
    """Ask whether the server of the preferences is there"""

    bl_idname = "smite.check"
    bl_label = "Check the server"

    def execute(self, context: Any) -> Set[str]:
        """Ask; the preferences show the answer."""
        del context
        the_app = apps.app()

        def heard(answer: Answer) -> None:
            the_app.said = str(answer.value) if answer.good else answer.message

        the_app.said = "asking ..."
        the_app.session.check(heard)
        return {"FINISHED"}


class SMITE_OT_open_log(bpy.types.Operator):  # noqa: N801
    """Open the log file"""

    bl_idname = "smite.open_log"
    bl_label = "Open log"

    def execute(self, context: Any) -> Set[str]:
        """Show it."""
        del context
        host.open_file(apps.app().log_path)
        return {"FINISHED"}


CLASSES: Tuple[Any, ...] = (
    SMITE_OT_learn,
    SMITE_OT_generate,
    SMITE_OT_cancel,
    SMITE_OT_reload,
    SMITE_OT_models,
    SMITE_OT_use_model,
    SMITE_OT_edit,
    SMITE_OT_check,
    SMITE_OT_open_log,
)
