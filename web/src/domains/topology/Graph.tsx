/**
 * The drawing of a network. React decides what is in it; cytoscape draws. Places are remembered for each network while
 * the dashboard is open, so that nothing moves but what somebody drags.
 */
import cytoscape, { type Core, type EventObject } from "cytoscape";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import type { Member } from "@/api/documents";
import type { Link } from "@/api/links";
import { usePreferences } from "@/app/preferences";
import { linkPath, memberPath } from "@/app/paths";
import { fit } from "./fit";
import { GraphControls } from "./GraphControls";
import { GraphHover, type Hovered } from "./GraphHover";
import { graphStyle } from "./graphStyle";
import { layOutMore, type Place } from "./layout";
import { foldedAtFirst, groupNode, pictureOf, type Picture, type Shown } from "./picture";
import { putPicture } from "./putPicture";
import { useHeld } from "./useHeld";
import styles from "./Graph.module.css";

interface Props {
  network: string;
  members: readonly Member[];
  links: readonly Link[];
  height: number | string;
  hidden?: ReadonlySet<Shown>;
  /** What somebody looks for among the names. */
  search?: string;
  /** A part of a page, which the wheel scrolls. */
  isPreview?: boolean;
}

// Cytoscape adds a <style> element where nothing has this id. The page's policy refuses such, and Graph.module.css says it.
const styleMark = document.createElement("meta");
styleMark.id = "__________cytoscape_stylesheet";
document.head.append(styleMark);

const remembered = new Map<string, Map<string, Place>>();
const NONE: ReadonlySet<Shown> = new Set();
/** From so many nodes on, a picture of the drawing is moved, and drawn anew where it comes to rest. */
const LARGE = 150;

export default function Graph({ network, members, links, height, hidden = NONE, search = "", isPreview = false }: Props) {
  const { t } = useTranslation("topology");
  const { isDark } = usePreferences();
  const navigate = useNavigate();
  const box = useRef<HTMLDivElement>(null);
  const [core, setCore] = useState<Core | null>(null);
  const [hovered, setHovered] = useState<Hovered | null>(null);
  const [chosen, setChosen] = useState<string | null>(null);
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set());
  const folded = useMemo(() => {
    const groups = foldedAtFirst(members);
    return new Set([...groups].filter((group) => !unfolded.has(group)));
  }, [members, unfolded]);
  const picture = useMemo(
    () => pictureOf({ members, links, hidden, folded, chosen }),
    [members, links, hidden, folded, chosen],
  );
  const isLarge = picture.nodes.length > LARGE;

  useEffect(() => {
    if (box.current === null) return;
    const made = cytoscape({
      container: box.current,
      hideEdgesOnViewport: isLarge,
      textureOnViewport: isLarge,
      pixelRatio: isLarge ? 1 : "auto",
      userZoomingEnabled: !isPreview,
      autounselectify: isPreview,
      boxSelectionEnabled: false,
      minZoom: 0.05,
      maxZoom: 3,
    });
    made.on("dragfree", "node", (event: EventObject) => {
      placesOf(network).set(event.target.id(), { ...event.target.position() });
    });
    made.on("resize", () => fit(made));
    setCore(made);
    return () => made.destroy();
  }, [network, isLarge, isPreview]);

  useEffect(() => {
    if (core && box.current) core.style(graphStyle(box.current));
  }, [core, isDark]);

  const isHeld = useHeld(core);
  useEffect(() => {
    if (core && !isHeld) draw(core, network, picture);
  }, [core, network, picture, isHeld]);

  useEffect(() => {
    if (core) mark(core, search, chosen);
  }, [core, search, chosen, picture]);

  useEffect(() => {
    if (core === null) return;
    const onTap = (event: EventObject) => {
      const id = event.target === core ? null : String(event.target.id());
      if (id === null) return setChosen(null);
      if (event.target.isEdge()) {
        const link = event.target.data("link") as Link | null;
        if (link) void navigate(linkPath(network, link.a, link.b));
        return;
      }
      const group = event.target.data("group") as string;
      if (id === groupNode(group)) return setUnfolded((known) => new Set([...known, group]));
      if (isPreview || id === chosen) void navigate(memberPath(network, id));
      else setChosen(id);
    };
    const onOver = (event: EventObject) => {
      event.target.addClass("hovered");
      const { x, y } = event.renderedPosition;
      setHovered({ x, y, ...(event.target.data() as Omit<Hovered, "x" | "y">) });
    };
    const onOut = (event: EventObject) => {
      event.target.removeClass("hovered");
      setHovered(null);
    };
    core.on("tap", onTap);
    core.on("mouseover", "node, edge", onOver);
    core.on("mouseout", "node, edge", onOut);
    return () => {
      core.off("tap", onTap);
      core.off("mouseover", "node, edge", onOver);
      core.off("mouseout", "node, edge", onOut);
    };
  }, [core, navigate, network, chosen, isPreview]);

  const online = members.filter((member) => member.is_online).length;
  return (
    <div className={styles.frame} style={{ height }} data-hovers={hovered !== null || undefined}>
      <div
        ref={box}
        className={styles.canvas}
        role="img"
        aria-label={t("drawing", { members: members.length, online, links: picture.links })}
        onMouseLeave={() => setHovered(null)}
      />
      <GraphHover hovered={hovered} members={members} />
      <GraphControls core={core} />
      {picture.edges.length < picture.links && picture.edges.every((edge) => edge.count === 1) && (
        <p className={styles.note}>{t("part", { drawn: picture.edges.length, links: picture.links })}</p>
      )}
    </div>
  );
}

function placesOf(network: string): Map<string, Place> {
  const known = remembered.get(network);
  if (known) return known;
  const places = new Map<string, Place>();
  remembered.set(network, places);
  return places;
}

function draw(core: Core, network: string, picture: Picture): void {
  const wasEmpty = core.nodes().empty();
  const before = placesOf(network);
  const places = layOutMore(picture.nodes, before);
  for (const [id, place] of places) before.set(id, place);
  const isOther = putPicture(core, picture, places);
  if (wasEmpty || isOther) fit(core);
}

/** What is looked for, or the chosen member with its neighbours, stands out. */
function mark(core: Core, search: string, chosen: string | null): void {
  core.batch(() => {
    core.elements().removeClass("dimmed found");
    const wanted = search.trim().toLowerCase();
    if (wanted !== "") {
      const found = core.nodes().filter((node) => String(node.data("label")).toLowerCase().includes(wanted));
      found.addClass("found");
      core.elements().difference(found.union(found.connectedEdges())).addClass("dimmed");
    } else if (chosen !== null) {
      core.elements().difference(core.getElementById(chosen).closedNeighborhood()).addClass("dimmed");
    }
  });
}
