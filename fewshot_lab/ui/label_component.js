// All that Streamlit carries: it fetches the workspace's modules once and hands over what changed.
const mounted = new WeakMap();

export default function ({ parentElement, data }) {
  let state = mounted.get(parentElement);
  if (!state) mounted.set(parentElement, (state = { queue: Promise.resolve() }));
  const theme = getComputedStyle(parentElement).getPropertyValue("--st-background-color");
  state.queue = state.queue
    .then(async () => {
      if (state.gone) return;
      if (state.workspace && state.project === data.project && state.main === data.main) {
        state.workspace.update({ ...data, theme });
        return;
      }
      state.workspace?.close();
      const { mount } = await import(new URL(data.main, document.baseURI).href);
      if (state.gone) return;
      state.workspace = await mount(parentElement, { ...data, theme });
      state.project = data.project;
      state.main = data.main;
    })
    .catch((error) => {
      console.error(error);
      parentElement.textContent = `The label page could not be started: ${error.message}`;
    });
  return () => {
    state.gone = true;
    state.workspace?.close();
    mounted.delete(parentElement);
  };
}
