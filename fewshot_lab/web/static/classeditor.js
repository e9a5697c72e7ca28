// @ts-check
// Editing the classes: names, colours, order, merging, retiring, the target.

import { keyOf } from "./classkeys.js";
import { button, count, h, icon, iconButton, refill, select } from "./dom.js";
import { labelCounts } from "./labelcodes.js";
import { popover } from "./popover.js";

/** @import { ClassPanel } from "./classpanel.js" */
/** @import { ClassRow } from "./types.d.ts" */

/** @param {ClassPanel} panel */
export function openClassEditor(panel) {
  const { model, changes, workspace } = panel;
  const list = h("ul", { class: "ws-edit-list" });
  const retired = h("div");
  /** @type {HTMLInputElement} */
  const target = h("input", {
    type: "number",
    class: "ws-field ws-number",
    min: 1,
    max: 100000,
    value: model.overview?.target ?? 100,
    "aria-label": "Labels wanted per class",
    onchange: () => changes.setTarget(Number(target.value)),
  });
  let dragged = /** @type {number | null} */ (null);

  /** @param {number} id @param {number} to */
  const move = (id, to) => {
    const ids = model.classes.map((c) => c.id);
    const from = ids.indexOf(id);
    if (to < 0 || to >= ids.length || from === to) return;
    ids.splice(to, 0, ...ids.splice(from, 1));
    changes.make({ do: "reorder", ids });
  };

  /** @param {ClassRow} row @param {number} place */
  const line = ({ id, name, color }, place) => {
    /** @type {HTMLElement} */
    const item = h(
      "li",
      {
        draggable: "true",
        ondragstart: (event) => {
          dragged = id;
          if (event.dataTransfer) event.dataTransfer.effectAllowed = "move";
          item.classList.add("ws-dragged");
        },
        ondragend: () => {
          dragged = null;
          item.classList.remove("ws-dragged");
        },
        ondragover: (event) => {
          if (dragged === null) return;
          event.preventDefault();
          item.classList.add("ws-drop");
        },
        ondragleave: () => item.classList.remove("ws-drop"),
        ondrop: (event) => {
          event.preventDefault();
          item.classList.remove("ws-drop");
          if (dragged !== null) move(dragged, place);
        },
      },
      h(
        "span",
        { class: "ws-grip", "aria-hidden": "true", title: "Drag to reorder; the keys follow the order" },
        icon("grip"),
      ),
      h("kbd", { title: "The key that labels with this class" }, keyOf(place)),
      h("input", {
        type: "color",
        class: "ws-color",
        value: color,
        "aria-label": `Colour of ${name}`,
        onchange: (event) =>
          changes.make({ do: "recolour", id, color: /** @type {HTMLInputElement} */ (event.currentTarget).value }),
      }),
      nameField(id, name),
      iconButton("up", `Move ${name} up`, () => move(id, place - 1), { disabled: place === 0 }),
      iconButton("down", `Move ${name} down`, () => move(id, place + 1), {
        disabled: place === model.classes.length - 1,
      }),
      iconButton("more", `More for ${name}`, () => toggleMore(id, name, item)),
    );
    return item;
  };

  /** @param {number} id @param {string} name */
  const nameField = (id, name) => {
    const field = h("input", {
      type: "text",
      class: "ws-field",
      value: name,
      title: name,
      maxlength: 60,
      "aria-label": `Name of ${name}`,
      onkeydown: (event) => {
        if (event.key === "Escape") {
          field.value = name;
          event.stopPropagation();
        }
        if (event.key === "Enter" || event.key === "Escape") field.blur();
      },
      onchange: async () => {
        const wanted = field.value.trim();
        if (!wanted || !(await changes.make({ do: "rename", id, name: wanted }))) field.value = name;
      },
    });
    return field;
  };

  /** @param {string} sentence */
  const offerUndo = (sentence) =>
    panel.toasts.show(sentence, { action: "Undo", onAction: () => panel.labeller.revert("undo") });

  // A line below, not a menu: the popover has room for one layer only.
  /** @param {number} id @param {string} name @param {HTMLElement} item */
  const toggleMore = (id, name, item) => {
    const shown = item.nextElementSibling?.classList.contains("ws-edit-more-line");
    for (const other of list.querySelectorAll(".ws-edit-more-line")) other.remove();
    if (shown) return;
    const others = model.classes.filter((other) => other.id !== id);
    const n = labelCounts(model.codes).counts.get(id) ?? 0;
    const merge = async (/** @type {number} */ into) => {
      const title = model.name(into);
      if (await changes.make({ do: "merge", id, into })) {
        offerUndo(`${name} is now part of ${title} (${count(n)} labels).`);
      }
    };
    const into = select(`Merge ${name} into`, (other) => merge(Number(other)), [
      h("option", { value: "" }, "merge into…"),
      ...others.map((other) => h("option", { value: other.id }, other.name)),
    ]);
    const retire = async () => {
      if (await changes.make({ do: "retire", id })) {
        offerUndo(`${name} is retired; its labels are not used until it is restored.`);
      }
    };
    const more = h(
      "div",
      { class: "ws-edit-more" },
      button("ws-link", { onclick: () => panel.grid.open({ name: "class", classId: id }) }, "Show its images"),
      others.length > 0 && into,
      button("ws-link", { onclick: retire }, "Retire"),
    );
    item.after(h("li", { class: "ws-edit-more-line" }, more));
  };

  let drawn = "";
  const draw = () => {
    // News that leave the classes as they are must not take away what is being typed.
    const key = JSON.stringify([...model.classOf.values()]);
    if (key === drawn) return;
    drawn = key;
    const label = document.activeElement?.getAttribute("aria-label");
    refill(list, model.classes.map(line));
    const rows = [...model.classOf.values()].filter((row) => row.retired);
    refill(
      retired,
      rows.length > 0 && h("h3", {}, "Retired or merged"),
      rows.map(({ id, name, color, merged_into }) =>
        h(
          "div",
          { class: "ws-retired" },
          h("i", { class: "ws-swatch", style: { background: color } }),
          h("span", {}, name, merged_into !== null && h("small", {}, ` in ${model.name(merged_into)}`)),
          button("ws-link", { onclick: () => changes.make({ do: "restore", id }) }, "Restore"),
        ),
      ),
    );
    const focused = label && list.querySelector(`[aria-label="${CSS.escape(label)}"]`);
    if (focused instanceof HTMLElement) focused.focus();
  };
  draw();
  const stop = model.on("classes", draw);
  const close = popover(
    panel.editButton,
    h(
      "div",
      { class: "ws-editor" },
      h(
        "header",
        {},
        h("h2", {}, "Classes"),
        iconButton("close", "Close", () => close()),
      ),
      list,
      panel.nameField(),
      retired,
      h("label", { class: "ws-target" }, "Labels wanted per class ", target),
      h("p", { class: "ws-quiet" }, "Keys follow the order. Every change here can be undone with ctrl+Z."),
    ),
    { place: "right", label: "Edit the classes", within: workspace, onClose: stop },
  );
}
