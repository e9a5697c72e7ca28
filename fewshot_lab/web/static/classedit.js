// Editing the classes: names, colours, order, merging, retiring, the target.

import { h, refill, count, icon, iconButton } from "./dom.js";
import { popover } from "./popover.js";
import { keyOf } from "./keynames.js";

export function openEditor(panel) {
  const { model, changes, workspace } = panel;
  const list = h("ul", { class: "ws-edit-list" });
  const retired = h("div", {});
  const target = h("input", {
    type: "number",
    class: "ws-field ws-number",
    min: 1,
    max: 100000,
    value: model.overview?.target ?? 100,
    "aria-label": "Labels wanted per class",
    onchange: async () => {
      try {
        await panel.changes.api.post("settings", { target: Number(target.value) });
      } catch (error) {
        panel.toasts.show(error.message, { tone: "warning" });
      }
    },
  });
  const add = h("input", {
    type: "text",
    class: "ws-field",
    placeholder: "Add a class",
    "aria-label": "Name of a new class",
    maxlength: 60,
    onkeydown: (event) => {
      if (event.key === "Enter") panel.add(add);
    },
  });
  let dragged = null;

  const move = (id, to) => {
    const ids = model.classes.map((c) => c.id);
    const from = ids.indexOf(id);
    if (to < 0 || to >= ids.length || from === to) return;
    ids.splice(to, 0, ...ids.splice(from, 1));
    changes.make({ do: "reorder", ids });
  };

  const line = (c, at) => {
    const name = h("input", {
      type: "text",
      class: "ws-field",
      value: c.name,
      title: c.name,
      maxlength: 60,
      "aria-label": `Name of ${c.name}`,
      onkeydown: (event) => {
        if (event.key === "Enter") name.blur();
        if (event.key === "Escape") {
          name.value = c.name;
          name.blur();
          event.stopPropagation();
        }
      },
      onchange: async () => {
        const wanted = name.value.trim();
        if (!wanted || !(await changes.make({ do: "rename", id: c.id, name: wanted }))) name.value = c.name;
      },
    });
    const color = h("input", {
      type: "color",
      class: "ws-color",
      value: c.color,
      "aria-label": `Colour of ${c.name}`,
      onchange: () => changes.make({ do: "recolour", id: c.id, color: color.value }),
    });
    const item = h(
      "li",
      {
        draggable: "true",
        ondragstart: (event) => {
          dragged = c.id;
          event.dataTransfer.effectAllowed = "move";
          item.classList.add("ws-dragged");
        },
        ondragend: () => {
          dragged = null;
          item.classList.remove("ws-dragged");
        },
        ondragover: (event) => {
          if (dragged !== null) {
            event.preventDefault();
            item.classList.add("ws-drop");
          }
        },
        ondragleave: () => item.classList.remove("ws-drop"),
        ondrop: (event) => {
          event.preventDefault();
          item.classList.remove("ws-drop");
          if (dragged !== null) move(dragged, at);
        },
      },
      h(
        "span",
        { class: "ws-grip", "aria-hidden": "true", title: "Drag to reorder; the keys follow the order" },
        icon("grip"),
      ),
      h("kbd", { title: "The key that labels with this class" }, keyOf(at)?.shown ?? ""),
      color,
      name,
      iconButton("up", `Move ${c.name} up`, () => move(c.id, at - 1), { disabled: at === 0 }),
      iconButton("down", `Move ${c.name} down`, () => move(c.id, at + 1), {
        disabled: at === model.classes.length - 1,
      }),
      iconButton("more", `More for ${c.name}`, (event) => more(c, event.currentTarget)),
    );
    return item;
  };

  // In place of the row's own tools: the popover has room for one layer only.
  const more = (c, anchor) => {
    const others = model.classes.filter((o) => o.id !== c.id);
    const { counts } = model.counts();
    const into = h(
      "select",
      { class: "ws-select", "aria-label": `Merge ${c.name} into` },
      h("option", { value: "" }, "merge into…"),
      others.map((o) => h("option", { value: o.id }, o.name)),
    );
    into.addEventListener("change", async () => {
      const n = counts.get(c.id) ?? 0;
      const other = model.name(Number(into.value));
      if (await changes.make({ do: "merge", id: c.id, into: Number(into.value) })) {
        panel.toasts.show(`${c.name} is now part of ${other} (${count(n)} labels).`, {
          action: "Undo",
          onAction: () => panel.grid.labeller.undo(),
        });
      }
    });
    const box = h(
      "div",
      { class: "ws-edit-more" },
      h(
        "button",
        { type: "button", class: "ws-link", onclick: () => panel.grid.open({ name: "class", classId: c.id }) },
        "Show its images",
      ),
      others.length > 0 && into,
      h(
        "button",
        {
          type: "button",
          class: "ws-link",
          onclick: async () => {
            if (await changes.make({ do: "retire", id: c.id })) {
              panel.toasts.show(`${c.name} is retired; its labels rest until it is restored.`, {
                action: "Undo",
                onAction: () => panel.grid.labeller.undo(),
              });
            }
          },
        },
        "Retire",
      ),
    );
    const item = anchor.closest("li");
    const shown = item.nextSibling?.classList?.contains("ws-edit-more-line");
    for (const other of list.querySelectorAll(".ws-edit-more-line")) other.remove();
    if (!shown) item.after(h("li", { class: "ws-edit-more-line" }, box));
  };

  let drawn = "";
  const draw = () => {
    // News that leave the classes as they are must not take away what is being typed.
    const key = JSON.stringify([...model.classOf.values()]);
    if (key === drawn) return;
    drawn = key;
    const at = document.activeElement?.getAttribute?.("aria-label");
    refill(list, model.classes.map(line));
    const gone = [...model.classOf.values()].filter((c) => c.retired);
    refill(
      retired,
      gone.length > 0 && h("h3", {}, "Retired or merged"),
      gone.map((c) =>
        h(
          "div",
          { class: "ws-retired" },
          h("i", { class: "ws-swatch", style: { background: c.color } }),
          h("span", {}, c.name, c.merged_into !== null && h("small", {}, ` in ${model.name(c.merged_into)}`)),
          h(
            "button",
            { type: "button", class: "ws-link", onclick: () => changes.make({ do: "restore", id: c.id }) },
            "Restore",
          ),
        ),
      ),
    );
    if (at) list.querySelector(`[aria-label="${CSS.escape(at)}"]`)?.focus();
    made?.arrange();
  };
  let made = null;
  const listener = () => {
    if (made?.panel.isConnected) draw();
  };
  draw();
  made = popover(
    panel.edit,
    h(
      "div",
      { class: "ws-editor" },
      h(
        "header",
        {},
        h("h2", {}, "Classes"),
        iconButton("close", "Close", () => made.close()),
      ),
      list,
      add,
      retired,
      h("label", { class: "ws-target" }, "Labels wanted per class ", target),
      h("p", { class: "ws-quiet" }, "Keys follow the order. Every change here can be undone with ctrl+Z."),
    ),
    {
      place: "right",
      label: "Edit the classes",
      within: workspace,
      onClose: () => model.listeners.get("classes").delete(listener),
    },
  );
  model.on("classes", listener);
}
