"""A text box that says what is in it at every keystroke; Streamlit's own waits until one leaves it."""

from collections.abc import Callable

import streamlit as st

__all__ = ["live_text"]

HTML = "<label></label><textarea rows='4' spellcheck='true'></textarea>"
CSS = """
label {display: block; font-size: 0.875rem; margin-bottom: 0.25rem; color: var(--st-text-color)}
textarea {
    width: 100%; box-sizing: border-box; font: inherit; padding: 0.5rem 0.75rem; resize: vertical;
    color: var(--st-text-color); background: var(--st-secondary-background-color);
    border: 1px solid var(--st-border-color, transparent); border-radius: 0.5rem;
}
textarea:focus {outline: 2px solid var(--st-primary-color)}
"""
# What is sent names what it is about, so that words typed for one thing never reach another. Until the page has said
# that it heard them, they are kept in the browser's tab: a reload, or a server that is away, loses none.
JS = """
export default function(component) {
    const { data, parentElement, setStateValue } = component;
    const box = parentElement.querySelector('textarea');
    parentElement.querySelector('label').textContent = data.label;
    box.placeholder = data.placeholder;
    box.setAttribute('aria-label', data.label);
    box.disabled = data.disabled;
    box.maxLength = data.longest;
    const name = 'creme draft ' + data.about;
    const draft = (act) => { try { return act(window.sessionStorage); } catch { return null; } };
    const say = () => {
        const number = Date.now() + ' ' + Math.random();
        box.dataset.sent = number;
        draft((kept) => kept.setItem(name, box.value));
        setStateValue('said', { about: data.about, text: box.value, number });
    };
    if (box.dataset.about !== data.about) {
        box.dataset.about = data.about;
        box.dataset.sent = '';
        box.value = data.text;
        const unsaved = draft((kept) => kept.getItem(name));
        if (typeof unsaved === 'string' && unsaved !== data.text && !data.disabled) {
            box.value = unsaved;
            say();
        }
    } else if (box.dataset.sent === '' || box.dataset.sent === data.heard) {
        box.dataset.sent = '';
        draft((kept) => kept.removeItem(name));
        // It was changed elsewhere: taken back, or typed in another tab.
        if (box.value !== data.text && !box.matches(':focus')) box.value = data.text;
    }
    box.oninput = say;
    // The page's shortcuts are single letters.
    for (const kind of ['keydown', 'keyup', 'keypress']) {
        box['on' + kind] = (event) => event.stopPropagation();
    }
}
"""
KEY = "live text"
HEARD = "live text heard"


def live_text(
    label: str,
    about: str,
    text: str,
    save: Callable[[str, str], bool],
    *,
    placeholder: str = "",
    disabled: bool = False,
    longest: int = 20_000,
) -> None:
    """Show the box.

    Args:
        label: above it.
        about: what the text belongs to; the box takes `text` anew when it changes.
        text: what is saved: in the box to begin with, and whenever it changes while nobody types.
        save: called with about and the text at every change; whether it was saved.
        placeholder: shown while it is empty.
        disabled: whether nothing can be typed.
        longest: letters that fit.
    """
    component = st.components.v2.component("live_text", html=HTML, css=CSS, js=JS)

    def changed() -> None:
        said = st.session_state[KEY].get("said")
        if isinstance(said, dict) and save(str(said.get("about", "")), str(said.get("text", ""))):
            st.session_state[HEARD] = str(said.get("number", ""))

    component(
        key=KEY,
        data={
            "label": label,
            "about": about,
            "text": text,
            "placeholder": placeholder,
            "disabled": disabled,
            "longest": longest,
            "heard": st.session_state.get(HEARD, ""),
        },
        on_said_change=changed,
    )
