"""Questions to the user. Tests give the answers before they are asked: `session.answers`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .session import Session


class Dialogs:
    """nuke.message and the questions.

    That questions without a GUI have nobody to answer them, and that message prints there, is an
    assumption.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.messages: list[str] = []
        self.asked: list[str] = []
        self.answers: list[Any] = []

    def message(self, prompt: str) -> None:
        if not isinstance(prompt, str):
            raise TypeError(f"nuke.message wants a string, not {prompt!r}.")
        self.messages.append(prompt)

    def ask(self, prompt: str) -> bool:
        return bool(self._answer(prompt))

    def askWithCancel(self, prompt: str) -> bool:
        """Yes or no; RuntimeError("Cancelled") where the answer is None."""
        answer = self._answer(prompt)
        if answer is None:
            raise RuntimeError("Cancelled")
        return bool(answer)

    def getInput(self, prompt: str, default: str = "") -> str | None:
        return self._answer(prompt)  # type: ignore[no-any-return]

    def choice(self, title: str, prompt: str, options: list[str], default: int = 0) -> int | None:
        return self._answer(prompt)  # type: ignore[no-any-return]

    def getFilename(
        self,
        message: str,
        pattern: str = "",
        default: str = "",
        favorites: str = "",
        type: str = "",
        multiple: bool = False,
    ) -> Any:
        return self._answer(message)

    def getClipname(
        self, prompt: str, pattern: str = "", default: str = "", multiple: bool = False
    ) -> Any:
        return self._answer(prompt)

    def functions(self) -> dict[str, Callable[..., Any]]:
        return {
            "message": self.message,
            "alert": self.message,
            "ask": self.ask,
            "askWithCancel": self.askWithCancel,
            "getInput": self.getInput,
            "choice": self.choice,
            "getFilename": self.getFilename,
            "getClipname": self.getClipname,
        }

    def _answer(self, prompt: str) -> Any:
        self.asked.append(prompt)
        if not self._session.gui:
            raise self._session.rules.broke(f'Without a GUI nobody can be asked "{prompt}".')
        if not self.answers:
            raise self._session.rules.broke(f'No answer to "{prompt}": put it into answers.')
        return self.answers.pop(0)
