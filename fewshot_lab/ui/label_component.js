// @ts-check
// All that Streamlit carries: it fetches the workspace's modules once and hands over what changed.

/** @import { PageData } from "../web/static/types.d.ts" */
/** @typedef {{ queue: Promise<void>, gone: boolean, workspace?: any, project?: string, main?: string }} State */

const mounted = /** @type {WeakMap<HTMLElement, State>} */ (new WeakMap());

/** @param {{ parentElement: HTMLElement, data: PageData }} component */
export default function ({ parentElement, data }) {
  const state = mounted.get(parentElement) ?? { queue: Promise.resolve(), gone: false };
  mounted.set(parentElement, state);
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
    .catch((/** @type {Error} */ error) => {
      console.error(error);
      parentElement.textContent = `The label page could not be started: ${error.message}`;
    });
  return () => {
    state.gone = true;
    state.workspace?.close();
    mounted.delete(parentElement);
  };
}
