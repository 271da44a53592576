"""A sandbox's page in headless Chromium, as somebody works it: they say, command, press, choose, and look.

What is pressed is named by its English label, and found in the language that the sandbox speaks.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Error, Locator, Page, ViewportSize

from bot.translation import _ as in_their_language
from bot.translation import speaking

LIGHT = Path(__file__).parent / "gallery_light.css"
DESKTOP: ViewportSize = {"width": 1180, "height": 1700}
PHONE: ViewportSize = {"width": 400, "height": 2600}
_STILL = 500
"""Milliseconds without a change after which an answer is taken to be whole."""
_PATIENCE = 25
"""So many of them are waited for at most."""
_TRIES = 3
_REACTED_TO = """before => {
    const last = [...document.querySelectorAll('article.channel-message')].at(-1);
    return last.dataset.messageId !== before && last.querySelector('.message-app-badge, .reaction-chip') !== null;
}"""


@dataclass
class Stage:
    """A page and where its pictures go. `failed` collects the names of what could not be shown."""

    page: Page
    folder: Path
    language: str
    failed: list[str] = field(default_factory=list)

    @property
    def last(self) -> Locator:
        """The newest message."""
        return self.page.locator("article.channel-message").last

    @property
    def box(self) -> Locator:
        """Where messages are typed."""
        return self.page.locator("form textarea").last

    async def act(self, name: str, play: Callable[["Stage"], Awaitable[None]]) -> None:
        """Play one scene; where it fails twice, remember its name and clear the stage for the next."""
        for last_try in (False, True):
            try:
                await play(self)
            except (Error, AssertionError) as error:
                if last_try:
                    self.failed.append(f"{self.language}/{name}")
                    print(f"{self.language}/{name}: {str(error).splitlines()[0]}")
                    await self.page.screenshot(path=self.folder / f"FAILED-{name}.png")
                await self.page.set_viewport_size(DESKTOP)
                await self.page.reload()
                await self.box.wait_for()
                await self.settle()
            else:
                return

    async def settle(self) -> None:
        """Wait until nothing changes any more in what was said."""
        before = ""
        for _again in range(_PATIENCE):
            await self.page.wait_for_timeout(_STILL)
            now = await self.page.locator("#channel-message-list").inner_html()
            if now == before and "Thinking…" not in now:
                return
            before = now

    async def _newest(self) -> str:
        return await self.last.get_attribute("data-message-id") or ""

    async def _answered(self, before: str) -> None:
        """Wait until another message is the newest, and nothing changes any more."""
        newer = "id => [...document.querySelectorAll('article.channel-message')].at(-1).dataset.messageId !== id"
        await self.page.wait_for_function(newer, arg=before)
        await self.settle()

    async def resize(self, size: ViewportSize) -> None:
        """Another window, once the page has noticed."""
        await self.page.set_viewport_size(size)
        fits = "() => document.getElementById('preview-app').offsetWidth <= innerWidth"
        await self.page.wait_for_function(fits)
        await self.page.wait_for_timeout(_STILL)

    async def say(self, text: str) -> None:
        """A message, and its answer or the reaction to it, where there is one within a while."""
        before = await self._newest()
        await self.box.fill(text)
        await self.box.press("Enter")
        with suppress(Error):
            await self.page.wait_for_function(_REACTED_TO, arg=before, timeout=16 * _STILL)
        await self.page.wait_for_timeout(2 * _STILL)
        await self.settle()

    async def command(self, name: str, required: str = "", **options: str) -> None:
        """A slash command, with its required option and others by name; a `picture` is a file's path."""
        before = await self._newest()
        await self.box.fill("")
        await self.box.press_sequentially(name)
        await self.page.get_by_role("option", name=name).first.wait_for()
        await self.box.press("Enter")
        await self.page.wait_for_timeout(_STILL)
        if required:
            await self.page.keyboard.type(required)
        for option, value in options.items():
            if required:
                await self.page.get_by_text("more", exact=False).last.click()
            await self.page.get_by_role("option", name=option).first.click()
            if option == "picture":
                await self.page.locator("input[type=file]").last.set_input_files(value)
                await self.page.wait_for_timeout(_STILL)
            else:
                await self.page.keyboard.type(value)
        await self.page.get_by_role("button", name="Send", exact=True).click()
        await self._answered(before)

    async def press(self, label: str) -> None:
        """A button of the newest message that has it."""
        buttons = self.page.locator("#channel-message-list").get_by_role("button", name=self.words(label), exact=True)
        await buttons.last.click()
        await self.page.wait_for_timeout(_STILL)
        await self.settle()

    async def appears(self, label: str) -> None:
        """Wait for a message with that button."""
        await self.page.get_by_role("button", name=self.words(label), exact=True).last.wait_for()
        await self.settle()

    async def go_ahead(self) -> None:
        """What carries out the newest message's plan: the button before the one that cancels it."""
        await self.last.locator(".component-button").nth(-2).click()
        await self.page.wait_for_timeout(6 * _STILL)
        await self.settle()

    async def choose(self, value: str, select: int = 0) -> None:
        """A value of a list of the newest message; `#name` is a channel."""
        option = self.page.locator(f'.select-list:visible .select-option[data-value="{value}"]')
        if value[0] == "#":
            option = self.page.get_by_role("option", name=value[1:], exact=True)
        for _again in range(_TRIES):  # a list of channels stays empty where the page was published meanwhile
            await self.last.get_by_role("combobox").nth(select).click()
            await self.page.wait_for_timeout(2 * _STILL)
            if await option.count():
                break
            await self.page.keyboard.press("Escape")
        await option.last.click()
        await self.page.keyboard.press("Escape")
        await self.page.wait_for_timeout(_STILL)
        await self.settle()

    async def values(self, select: int) -> list[str]:
        """Everything that a list of the newest message offers."""
        offered = self.last.locator(".preview-select").nth(select).locator(".select-option")
        return [await option.get_attribute("data-value") or "" for option in await offered.all()]

    async def shoot(self, name: str, doing: Awaitable[None] | None = None, *, messages: int = 1) -> None:
        """After `doing` something the newest messages, on a desktop and on a phone, there in the light theme too."""
        if doing is not None:
            await doing
        for device, size in (("desktop", DESKTOP), ("phone", PHONE), ("phone-light", PHONE)):
            await self.resize(size)
            await self._light(device.endswith("light"))
            shown = self.page.locator("article.channel-message")
            for back in range(messages, 0, -1):
                part = f"-{messages - back + 1}" if messages > 1 else ""
                message = shown.nth(await shown.count() - back)
                await self._stands_still(message)
                await message.screenshot(path=self.folder / f"{name}{part}-{device}.png")
        await self._light(False)
        await self.resize(DESKTOP)

    async def _stands_still(self, message: Locator) -> None:
        """Wait until the page has scrolled where it scrolls to, or the picture would have half of two messages."""
        await message.scroll_into_view_if_needed()
        before = None
        for _again in range(_PATIENCE):
            now = await message.bounding_box()
            if now == before:
                return
            before = now
            await self.page.wait_for_timeout(_STILL)

    async def _light(self, on: bool) -> None:
        """Discord's light theme, or its dark one."""
        if on and not await self.page.locator("style").count():
            await self.page.add_style_tag(path=LIGHT)
        await self.page.evaluate("on => document.documentElement.classList.toggle('light', on)", on)

    async def shoot_form(self, name: str) -> None:
        """The form that is open, which is closed then.

        From then on simcord shows no channel or role as chosen in a list, as if the form were still open.
        """
        form = self.page.locator("#modal-root")
        await form.wait_for()
        await form.locator("> *").last.screenshot(path=self.folder / f"{name}-desktop.png")
        await self.page.keyboard.press("Escape")
        await form.wait_for(state="hidden")

    def words(self, label: str) -> str:
        """A label as the sandbox's people read it."""
        with speaking(self.language):
            return in_their_language(label)
