import { createRoot } from "react-dom/client";
import { askEarly } from "./api/session";
import { App, loadEarly } from "./app/App";
import { startTexts } from "./app/i18n";
import "./app/global.css";
import "./app/login/variables.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
loadEarly(askEarly());
await startTexts();
createRoot(root).render(<App />);
