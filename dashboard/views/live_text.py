"""A text box that says what is in it at every keystroke; Streamlit's own waits until one leaves it."""

from collections.abc import Callable

import streamlit as st

__all__ = ["live_text"]

HTML = "<label></label><textarea rows='3' spellcheck='true'></textarea>"
CSS = """
label {display: block; font-size: 0.875rem; margin-bottom: 0.25rem; color: var(--st-text-color)}
textarea {
    width: 100%; box-sizing: border-box; font: inherit; padding: 0.5rem 0.75rem; resize: vertical;
    color: var(--st-text-color); background: var(--st-secondary-background-color);
    border: 1px solid var(--st-border-color, transparent); border-radius: 0.5rem;
}
textarea:focus {outline: 2px solid var(--st-primary-color)}
"""
# What is sent names what it is about, so that words typed for one element never reach another.
JS = """
export default function(component) {
    const { data, parentElement, setStateValue } = component;
    const box = parentElement.querySelector('textarea');
    parentElement.querySelector('label').textContent = data.label;
    box.placeholder = data.placeholder;
    box.setAttribute('aria-label', data.label);
    box.disabled = data.disabled;
    if (box.dataset.about !== data.about) {
        box.dataset.about = data.about;
        box.value = data.text;
    }
    box.oninput = () => setStateValue('said', { about: box.dataset.about, text: box.value });
    // The page's shortcuts are single letters.
    for (const kind of ['keydown', 'keyup', 'keypress']) {
        box['on' + kind] = (event) => event.stopPropagation();
    }
}
"""
KEY = "live text"


def live_text(
    label: str,
    about: str,
    text: str,
    save: Callable[[str, str], None],
    *,
    placeholder: str = "",
    disabled: bool = False,
) -> None:
    """Show the box.

    Args:
        label: above it.
        about: what the text belongs to; the box takes `text` anew when it changes.
        text: what is in it to begin with.
        save: called with about and the text at every change.
        placeholder: shown while it is empty.
        disabled: whether nothing can be typed.
    """
    component = st.components.v2.component("live_text", html=HTML, css=CSS, js=JS)

    def changed() -> None:
        said = st.session_state[KEY].get("said")
        if isinstance(said, dict):
            save(str(said.get("about", "")), str(said.get("text", "")))

    component(
        key=KEY,
        data={"label": label, "about": about, "text": text, "placeholder": placeholder, "disabled": disabled},
        on_said_change=changed,
    )
