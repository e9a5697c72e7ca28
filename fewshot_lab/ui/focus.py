"""Where the keyboard goes when a form opens: Streamlit has no word for it."""

import streamlit as st

_mount = st.components.v2.component(
    "fewshot_focus",
    # A page that is still being drawn may draw the field anew: for two seconds the cursor comes
    # back to it, unless somebody has put it elsewhere.
    js="""const seen = new WeakSet();
export default function ({ parentElement, data }) {
  if (seen.has(parentElement)) return;
  seen.add(parentElement);
  let first = true;
  const until = performance.now() + 2000;
  const keep = () => {
    const field = document.querySelector(`.st-key-${CSS.escape(data.key)} input`);
    const lost = document.activeElement === null || document.activeElement === document.body;
    if (field && (first || lost)) {
      field.focus();
      field.select();
      first = false;
    }
    if (performance.now() < until) setTimeout(keep, 50);
  };
  keep();
}""",
    isolate_styles=False,
)


def focus(key: str) -> None:
    """Put the cursor into the text field with a key, with what stands in it selected."""
    with st.container(key=f"fl-focus-{key}"):
        _mount(key=f"fl-focus-of-{key}", data={"key": key})
