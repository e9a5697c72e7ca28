"""Where the keyboard goes when a form opens: Streamlit has no word for it."""

import streamlit as st

_mount = st.components.v2.component(
    "fewshot_focus",
    js="""const seen = new WeakSet();
export default function ({ parentElement, data }) {
  if (seen.has(parentElement)) return;
  seen.add(parentElement);
  let tries = 100;
  const focus = () => {
    const field = document.querySelector(`.st-key-${CSS.escape(data.key)} input`);
    if (field) { field.focus(); field.select(); }
    else if (tries--) requestAnimationFrame(focus);
  };
  focus();
}""",
    isolate_styles=False,
)


def focus(key: str) -> None:
    """Put the cursor once into the text field with a key, what stands in it selected."""
    with st.container(key=f"fl-focus-{key}"):
        _mount(key=f"fl-focus-of-{key}", data={"key": key})
