"""LangChain on the books: one line, and every model call made under a config is booked, once.

    config = attach_token_tracking(config, agent_name="my_agent")
    result = await agent.ainvoke({"messages": messages}, config=config)

Needs langchain-core (extra: `trilo[langchain]`) and an open tracker. What goes through our own door, a chat model over
`tracker.openai()`, is booked there and not a second time here; only there is it held to budgets.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult
from langchain_core.runnables import RunnableConfig

from bot.integrations.langchain_runs import ModelRun, ended_run, run_under_way
from bot.integrations.langchain_shapes import ModelRequest
from bot.usage import UsageTracker
from bot.usage.calls.exchange import note_fault
from bot.usage.context import checked_id, current_attribution, storable
from bot.usage.opened import tracker_or_warn

_FROM_CONFIGURABLE = ("user_id", "thread_id", "operation", "guild_id", "channel_id", "workflow_id", "execution_id")


def attach_token_tracking(
    config: RunnableConfig | None = None,
    agent_name: str | None = None,
    *,
    operation: str | None = None,
    tracker: UsageTracker | None = None,
) -> RunnableConfig:
    """A new config under which every model call is booked; the one given, with its callbacks, stays as it is.

    Whom the calls are for is read from `config["configurable"]`: user_id, thread_id, and where they are there
    operation, guild_id, channel_id, workflow_id and execution_id. Where a handler of ours is attached already, one that
    adds these names to its own takes its place, so that calls stay booked once. Without a `tracker` it is the one open
    when a call is made. Raises `ValueError` for an id of a server or channel that is none.
    """
    given: RunnableConfig = config or {}
    configurable = given.get("configurable") or {}
    who = {name: configurable[name] for name in _FROM_CONFIGURABLE if configurable.get(name) is not None}
    named = {"agent_name": agent_name, "operation": operation, "tracker": tracker}
    who |= {name: value for name, value in named.items() if value is not None}
    callbacks = given.get("callbacks")
    there = callbacks.handlers if isinstance(callbacks, BaseCallbackManager) else callbacks or []
    ours = [handler for handler in there if isinstance(handler, TokenTrackingCallbackHandler)]
    handler = TokenTrackingCallbackHandler(**{**(ours[0].who if ours else {}), **who})
    if not isinstance(callbacks, BaseCallbackManager):
        return {**given, "callbacks": [*(other for other in there if other not in ours), handler]}
    manager = callbacks.copy()
    for other in ours:
        manager.remove_handler(other)
    manager.add_handler(handler)
    return {**given, "callbacks": manager}


def _spares_the_chain(method: Callable[..., None]) -> Callable[..., None]:
    """Our own fault never becomes the chain's (I23), nor an error in its log with what a prompt said (I33)."""

    @wraps(method)
    def spared(self: "TokenTrackingCallbackHandler", *arguments: Any, **named: Any) -> None:
        try:
            method(self, *arguments, **named)
        except Exception as error:  # noqa: BLE001 - see above
            if (tracker := self.open_tracker()) is not None:
                note_fault(tracker.calls.ledger, error)

    return spared


class TokenTrackingCallbackHandler(BaseCallbackHandler):
    """Books each model call that it hears of, with the usage that its provider reported, or counted and `estimated`.

    For `invoke`, `stream`, `batch` and their async forms, runs at the same time included. The names given here stand
    above those of the `token_tracking_context` in which a call is made. Its methods take some 70 µs a
    call together, never raise and never wait; they are called where the chain runs, from any thread.
    """

    run_inline = True
    """Called in the chain's own task: no thread for each event, and the door can be witnessed from here."""

    def __init__(
        self,
        user_id: object = None,
        thread_id: object = None,
        agent_name: str | None = None,
        *,
        operation: str | None = None,
        guild_id: int | None = None,
        channel_id: int | None = None,
        workflow_id: object = None,
        execution_id: object = None,
        tracker: UsageTracker | None = None,
    ) -> None:
        texts = {
            "user_id": user_id,
            "session_id": thread_id,
            "agent_name": agent_name,
            "operation": operation,
            "workflow_id": workflow_id,
            "execution_id": execution_id,
        }
        ids = {"guild_id": checked_id("guild_id", guild_id), "channel_id": checked_id("channel_id", channel_id)}
        self._names: dict[str, Any] = {name: storable(value) for name, value in texts.items() if value is not None}
        self._names |= {name: value for name, value in ids.items() if value is not None}
        self._tracker = tracker

    @property
    def who(self) -> dict[str, Any]:
        """The arguments that make another such handler."""
        names = {"thread_id" if name == "session_id" else name: value for name, value in self._names.items()}
        return {**names, "tracker": self._tracker}

    def open_tracker(self) -> UsageTracker | None:
        """The tracker to book with; None, with one warning a process, where none is open."""
        return self._tracker or tracker_or_warn()

    @_spares_the_chain
    def on_chat_model_start(
        self, serialized: Any, messages: list[list[BaseMessage]], *, run_id: UUID, **started: Any
    ) -> None:
        """A chat model is about to be called."""
        self._start(run_id, messages[0], started)

    @_spares_the_chain
    def on_llm_start(self, serialized: Any, prompts: list[str], *, run_id: UUID, **started: Any) -> None:
        """A text model is about to be called."""
        self._start(run_id, prompts[0], started)

    @_spares_the_chain
    def on_llm_new_token(self, token: Any, *, run_id: UUID, **_: Any) -> None:
        """A piece of a streamed answer has come."""
        if (run := run_under_way(run_id)) is not None:
            run.streamed()

    @_spares_the_chain
    def on_stream_event(self, event: Any, *, run_id: UUID, **_: Any) -> None:
        """The same, where it is streamed as typed events."""
        self.on_llm_new_token(event, run_id=run_id)

    @_spares_the_chain
    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        """A model has answered."""
        if (run := ended_run(run_id)) is not None:
            run.answered(response)

    @_spares_the_chain
    def on_llm_error(self, error: BaseException, *, run_id: UUID, response: LLMResult | None = None, **_: Any) -> None:
        """A call failed, was cancelled, or its stream was left; `response` is what had come by then."""
        if (run := ended_run(run_id)) is not None:
            run.failed(error, response)

    def _start(self, run_id: UUID, prompt: Sequence[BaseMessage] | str, started: dict[str, Any]) -> None:
        if (tracker := self.open_tracker()) is not None:
            attribution = replace(current_attribution(), **self._names)
            request = ModelRequest.read(prompt, started)
            ModelRun(run_id, tracker, attribution, request, int(started.get("batch_size") or 1))
