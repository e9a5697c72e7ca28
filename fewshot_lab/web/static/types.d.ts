// Shapes that cross files: what the server sends (fewshot_lab/web/ writes it), and what the parts hand each other.

export interface Interval {
  value: number | null;
  low: number | null;
  high: number | null;
  n: number;
}

export interface ClassRow {
  id: number;
  name: string;
  color: string;
  position: number;
  retired: boolean;
  merged_into: number | null;
}

export interface Suggestion {
  id: string;
  reason: string;
  strategy: string;
  audit: boolean;
  classes: number[];
}

export interface CrossValidation {
  accuracy: Interval;
  /** Why there is no accuracy; "" where there is one. */
  why_not: string;
  leaks: string;
  class_ids: number[];
  recall: Record<string, Interval>;
  confusion: number[][];
  /** Ids by "label,predicted". */
  cells: Record<string, string[]>;
  accepted: { above: number; n: number; right: Interval | null }[];
  n: number;
  repeats: number;
}

/** The newest classifier: its figures; its arrays come beside it. */
export interface Snapshot {
  sentence: string;
  message: string;
  position: number;
  /** Of the labels that the colours rest on; all else is of those at `position`. */
  predicted_at: number;
  at: number;
  class_ids: number[];
  cv: CrossValidation | null;
  /** Its accuracy is null while too few labels carry it; `until_narrow` more would do. */
  audit: AuditFigures | null;
  disagreement: string | null;
  suspects: [id: string, label: number, predicted: number, probability: number][];
  suggestions: Suggestion[];
  /** The two classes that the suggestions of whoever asks are to tell apart. */
  pair: [number, number] | null;
}

export interface Job {
  id: string;
  verb: string;
  state: string;
  stage: string;
  done: number;
  total: number;
  seconds_left: number | null;
  message: string;
}

export interface HistoryRow {
  id: number;
  time: number;
  annotator: string;
  sentence: string;
  view: string | null;
  n: number;
  undone: boolean;
  examples: string[];
}

export interface Offer {
  kind: "switch" | "stages" | "back";
  sentence: string;
  backbone: string;
}

export interface Advice {
  sentence: string;
  done: boolean;
  tested_on: string;
  next: {
    labels: number;
    gain: { value: number; low: number; high: number };
    minutes: { value: number } | null;
  } | null;
}

export interface Overview {
  stamp: string;
  /** Whether nothing may be told that sways whoever labels. */
  blind: boolean;
  classes: ClassRow[];
  history: HistoryRow[];
  conflicts?: number;
  target: number;
  map_settings: { neighbours: number; min_dist: number };
  backbone_title: string;
  offer: Offer | null;
  embedded: number;
  advice: Advice | null;
  strategy: { setting: string; switched: boolean; title: string; sentence: string } | null;
  columns: string[];
  views: SavedView[];
  /** Of the reference labels, in their order; up to one more than classes there can be. */
  reference_names: string[];
  has_group: boolean;
  /** How many whole slides its images are tiles of. */
  slides: number;
  jobs: Job[];
}

/** One message of the server; each part only where the page lacks it. */
export interface Update {
  head: {
    same?: boolean;
    images?: { from: number; n: number };
    map?: { version: string; method: string };
    labels?: { version: string; position: number; from?: string };
    rev?: string;
    model?: Snapshot;
    overview?: Overview;
  };
  arrays: Record<string, any>;
}

export interface Opinion {
  annotator: string;
  kind: string;
  class_id: number | null;
  at: number;
  decided: boolean;
}

/** The images most like one, the nearest first. */
export interface Neighbours {
  ids: string[];
  similarity: number[];
  /** Whether their classes would tell that of an image which is to be labelled without a hint. */
  classes_hidden: boolean;
}

export interface ImageFacts {
  id: string;
  path: string;
  width: number;
  height: number;
  /** Of its file; null where that holds more than this image. */
  bytes: number | null;
  group: string | null;
  reference: string | null;
  meta: Record<string, unknown>;
  annotator: string | null;
  labelled_at: number;
  opinions: Opinion[];
  /** Whether it is a tile of a whole slide. */
  on_slide: boolean;
}

/** Numbers, or days since 1970; NaN for none. */
export interface RangeColumn {
  kind: "number" | "date";
  values: Float32Array;
  unit?: string;
  /** What an image without a value is called. */
  none?: string;
}

/** Places in a list of names; a name without a colour is one of the many rare ones. */
export interface NamesColumn {
  kind: "names";
  names: string[];
  titles?: string[];
  colors?: (string | null)[];
  values: Uint32Array;
  none?: string;
}

/** Of each name, whether it holds, by its bit. */
export interface SetsColumn {
  kind: "sets";
  names: string[];
  titles?: string[];
  values: Uint32Array;
  none?: string;
}

/** One value for every image. */
export type Column = RangeColumn | NamesColumn | SetsColumn;

/** Images of a column that have one of the values, or lie within a range; "" for an open end. */
export interface Filter {
  column: string;
  values: string[];
  from: string;
  to: string;
}

/** What a link or a saved view shows. */
export interface ViewState {
  filters: Filter[];
  colour: string;
  list: string;
  order: string;
}

export interface SavedView {
  name: string;
  state: string;
  annotator: string;
}

export type LabelKind = "class" | "unsure" | "reject" | "clear" | "skip";

/** What a key asks for; `classOf` gives each image a class of its own. */
export interface LabelRequest {
  kind: LabelKind;
  classId?: number | null;
  classOf?: (number | null)[];
  machine?: boolean;
}

export interface LabelAction {
  do: "label";
  kind: LabelKind;
  class_id: number | null;
  class_of?: (number | null)[];
  machine: boolean;
  images: string;
  view: string;
  strategy: string | null;
  shown?: [(number | null)[], (number | null)[]];
  spent_ms: number;
}

export interface RevertAction {
  do: "undo" | "redo";
}

export type Action = LabelAction | RevertAction;

/** An action on its way to the server, named by (client, q). */
export type Entry = Action & {
  project: string;
  client: string;
  q: number;
  annotator: string;
  at: number;
  saved?: Promise<void>;
};

export interface Ack {
  client: string;
  q: number;
  position: number;
  error?: string;
  /** What of a pile was left out, and why. */
  left_out?: string;
  sentence?: string | null;
}

/** Codes of some rows before and after an action is reverted. */
export interface Reversion {
  rows: number[];
  from: ArrayLike<number>;
  to: ArrayLike<number>;
}

/** What was chosen on the map. */
export interface Selection {
  kind: "lasso" | "box" | "point" | "points";
  rows: number[];
  /** Those that the filters leave out, too. */
  all?: number[];
  /** The rows, for a quick look; the model makes it. */
  set?: import("./rowset.js").RowSet;
  polygon: number[] | null;
}

/** Which list the grid shows, with what it needs. */
export interface View {
  name: string;
  id?: string | null;
  unlabelled?: boolean;
  classId?: number | string;
  predicted?: boolean;
  text?: string;
  ids?: string[];
  title?: string;
  query?: Record<string, string>;
}

/** What the class list and the map hide by: a class, "unsure", "reject", "audit", or a value of a column. */
export type LegendKey = number | string | null;

/** What Streamlit hands over. */
export interface AuditFigures {
  accuracy: Interval | null;
  until_narrow: number | null;
  n: number;
  drawn: number;
  waiting: number;
  /** Labels more that would halve the interval; null where the pool has not as many images. */
  to_halve: number | null;
}

export interface PageData {
  project: string;
  annotator: string;
  signed_in: boolean;
  edits_classes: boolean;
  changes_backbone: boolean;
  api: string;
  main: string;
  css: string;
  plotly: string;
  open: string;
  pages: { import: string };
  theme: string;
}

type Handlers = {
  [K in keyof GlobalEventHandlersEventMap as `on${K}`]?: (
    event: GlobalEventHandlersEventMap[K] & { currentTarget: HTMLElement },
  ) => unknown;
};

export interface Attributes extends Handlers {
  [name: string]: any;
}

export type Child = Node | string | number | boolean | null | undefined | readonly Child[];

/** The part of Plotly that the map uses. */
export interface PlotlyApi {
  newPlot(plot: PlotElement, traces: Trace[], layout: object, config: object): Promise<unknown>;
  react(plot: PlotElement, traces: Trace[], layout: object): Promise<unknown>;
  redraw(plot: PlotElement): Promise<unknown>;
  relayout(plot: PlotElement, change: object): Promise<unknown>;
  purge(plot: PlotElement): void;
  Plots: { resize(plot: PlotElement): Promise<unknown> };
}

export interface Trace {
  x: Float32Array;
  y: Float32Array;
  marker: { size: number; color: string[]; line: object };
}

export interface PlotElement extends HTMLDivElement {
  data: Trace[];
  _fullLayout: any;
  on(event: string, listener: () => void): void;
}
