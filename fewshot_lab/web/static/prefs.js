// How this person likes this project's page: kept in the browser, never needed.

export class Prefs {
  constructor(project) {
    this.key = `fewshot-lab:${project}`;
    try {
      this.values = JSON.parse(localStorage.getItem(this.key)) ?? {};
    } catch {
      this.values = {};
    }
  }

  get(name, otherwise) {
    return this.values[name] ?? otherwise;
  }

  set(name, value) {
    if (this.values[name] === value) return;
    this.values[name] = value;
    try {
      localStorage.setItem(this.key, JSON.stringify(this.values));
    } catch {
      /* a full or forbidden storage: the page works without */
    }
  }
}
