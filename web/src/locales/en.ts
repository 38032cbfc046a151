/** All English texts, by namespace: one piece, which is loaded when the language is chosen. */
export default import.meta.glob<Record<string, unknown>>("./en/*.json", { eager: true, import: "default" });
