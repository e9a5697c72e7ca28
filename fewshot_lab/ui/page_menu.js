// @ts-check
/** @import { MenuData } from "../web/static/pagemenu.js" */

/** @param {{ parentElement: HTMLElement, data: MenuData & { main: string } }} component */
export default async function ({ parentElement, data }) {
  if (parentElement.querySelector(".fl-menu-button")) return;
  const { mount } = await import(new URL(data.main, document.baseURI).href);
  mount(parentElement, data);
}
