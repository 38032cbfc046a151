/**
 * What Ant Design calls to add styles while it runs (@rc-component/util's dynamicCSS), with constructed style sheets:
 * the page's policy has style-src 'self' and no <style> element would be heeded. plugins/strictStyles.ts puts it in.
 *
 * Sheets are ordered by priority, then by when they came, as the original orders its elements.
 */
interface Options {
  mark?: string;
  priority?: number;
  prepend?: boolean | "queue";
}

interface Adopted {
  sheet: CSSStyleSheet;
  rank: number;
  css: string;
  element: HTMLStyleElement;
}

const adopted = new Map<string, Adopted>();

const APPENDED = 1_000_000;

export function updateCSS(css: string, key: string, options: Options = {}): HTMLStyleElement {
  const id = identity(key, options);
  const known = adopted.get(id);
  if (known) {
    if (known.css !== css) {
      known.sheet.replaceSync(css);
      known.css = css;
    }
    return known.element;
  }
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  const rank = options.prepend ? (options.priority ?? 0) : APPENDED;
  // Callers set attributes on what is returned; it is never part of the page.
  const element = document.createElement("style");
  adopted.set(id, { sheet, rank, css, element });
  place();
  return element;
}

export function injectCSS(css: string, options: Options = {}): HTMLStyleElement {
  return updateCSS(css, `injected-${adopted.size}`, options);
}

export function removeCSS(key: string, options: Options = {}): void {
  if (adopted.delete(identity(key, options))) place();
}

export function clearContainerCache(): void {
  // Nothing is kept of containers.
}

function identity(key: string, options: Options): string {
  return `${options.mark ?? ""} ${key}`;
}

function place(): void {
  const sheets = [...adopted.values()].sort((one, other) => one.rank - other.rank);
  document.adoptedStyleSheets = sheets.map((one) => one.sheet);
}
