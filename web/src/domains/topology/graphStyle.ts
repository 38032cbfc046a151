/** How nodes and links are drawn, in the colours of the page as they are at the moment. */
import type { StylesheetJson } from "cytoscape";

const DASHES: Record<string, number[]> = { peer: [10, 5], relay: [5, 5], tcp: [1.5, 5], none: [5, 11] };
const PATHS = ["direct", "peer", "relay", "tcp", "none", "unknown"];

export function graphStyle(root: HTMLElement): StylesheetJson {
  const computed = getComputedStyle(root);
  const colour = (name: string) => computed.getPropertyValue(name).trim();
  const card = colour("--ant-color-bg-container");
  const accent = colour("--ant-color-primary");
  const text = colour("--ant-color-text");
  const faint = colour("--ant-color-text-tertiary");
  return [
    {
      selector: "node",
      style: {
        width: "data(size)",
        height: "data(size)",
        label: "data(label)",
        "background-color": accent,
        "border-width": 3,
        "border-color": card,
        color: text,
        "font-family": computed.fontFamily,
        "font-size": 12,
        "font-weight": 500,
        "text-valign": "bottom",
        "text-margin-y": 6,
        "text-max-width": "130px",
        "text-wrap": "ellipsis",
        "text-outline-color": card,
        "text-outline-width": 2.5,
        "min-zoomed-font-size": 7,
        "overlay-opacity": 0,
      },
    },
    { selector: 'node[state = "away"]', style: { "background-color": card, "border-color": faint, color: faint } },
    {
      selector: 'node[state = "pending"]',
      style: { "background-color": card, "border-color": colour("--ant-color-warning"), "border-style": "dashed" },
    },
    { selector: 'node[role = "bridge"]', style: { shape: "round-rectangle" } },
    { selector: 'node[role = "exit"]', style: { shape: "round-diamond" } },
    { selector: 'node[role = "carrier"]', style: { shape: "round-hexagon" } },
    {
      selector: "node[count > 1]",
      style: {
        "background-color": accent,
        "background-opacity": 0.16,
        "border-color": accent,
        "border-width": 1.5,
        "font-weight": 600,
      },
    },
    {
      selector: "edge",
      style: {
        width: "data(width)",
        "curve-style": "straight",
        "line-color": colour("--path-unknown"),
        "line-opacity": 0.75,
        "line-cap": "round",
        "overlay-opacity": 0,
      },
    },
    ...PATHS.map((path) => ({
      selector: `edge[path = "${path}"]`,
      style: {
        "line-color": colour(`--path-${path}`),
        ...(DASHES[path] ? { "line-style": "dashed" as const, "line-dash-pattern": DASHES[path] } : {}),
      },
    })),
    { selector: 'edge[path = "direct"]', style: { "line-opacity": 0.6 } },
    { selector: 'edge.dense[path = "direct"]', style: { "line-opacity": 0.13 } },
    { selector: ".dimmed", style: { opacity: 0.12 } },
    { selector: "edge.hovered", style: { "line-opacity": 1, "underlay-opacity": 0.15, "underlay-color": accent } },
    { selector: "node.found, node:selected", style: { "border-color": text, "border-width": 3 } },
    { selector: "node:active, edge:active", style: { "overlay-opacity": 0 } },
  ];
}

/** The width of a line, from the traffic: 1 kB/s can be told from nothing, and 1 Gbit/s is not a bar. */
export function lineWidth(bytesPerSecond: number): number {
  return Math.round((1.2 + Math.min(4.5, Math.log10(1 + bytesPerSecond / 1000) * 0.8)) * 10) / 10;
}

export function nodeSize(count: number): number {
  return count === 1 ? 24 : Math.min(96, 34 + Math.sqrt(count) * 5);
}
