"""Where the keyboard goes when a form opens: Streamlit has no word for it."""

import streamlit as st

_mount = st.components.v2.component(
    "fewshot_focus",
    # A page that is still being drawn may draw the field anew, or write into it later: for two
    # seconds the cursor comes back to it, until somebody uses the keyboard or the mouse.
    js="""const seen = new WeakSet();
export default function ({ parentElement, data }) {
  if (seen.has(parentElement)) return;
  seen.add(parentElement);
  let until = performance.now() + 2000;
  const stop = () => { until = 0; };
  for (const act of ["keydown", "pointerdown"])
    document.addEventListener(act, stop, { capture: true, once: true });
  const keep = () => {
    if (performance.now() > until) return;
    const field = document.querySelector(`.st-key-${CSS.escape(data.key)} input`);
    if (field) { field.focus(); field.select(); }
    setTimeout(keep, 50);
  };
  keep();
}""",
    isolate_styles=False,
)


def focus(key: str) -> None:
    """Put the cursor into the text field with a key, with what stands in it selected."""
    with st.container(key=f"fl-focus-{key}"):
        _mount(key=f"fl-focus-of-{key}", data={"key": key})
