/**
 * What a folder below src/domains gives to the shell: its pages and its entries in the menu. Each folder's `index.ts`
 * exports one as `domain`, and the shell finds it there; no list has to be edited.
 */
import type { ComponentType } from "react";
import type { Role } from "@/api/documents";

export interface DomainRoute {
  /** Below "/", or below "/n/:network/" where the scope is "network"; as react-router reads it. */
  path: string;
  scope: "network" | "controller";
  /** Loaded when the page is opened first. */
  page: () => Promise<{ default: ComponentType }>;
}

export interface MenuEntry {
  /** Equal to the route's path. */
  path: string;
  scope: "network" | "controller";
  /** A key in the domain's locale files. */
  label: string;
  icon: ComponentType<{ className?: string }>;
  /** Entries go up by this: overview 10, topology 20, members 30, routes 40, dns 45, policy 50, networks 110. */
  order: number;
  /** The least role that sees the entry. */
  needs?: Role;
  /** A role that does not, though it has a higher rank. */
  butNot?: Role;
}

export interface Domain {
  /** Of the folder; also the namespace of its texts. */
  name: string;
  routes: DomainRoute[];
  menu: MenuEntry[];
  /** Whether the API has what the domain needs; left out: always. Paths are as in the API's document. */
  isOffered?: (apiPaths: ReadonlySet<string>) => boolean;
}

const found = import.meta.glob<Domain>("../domains/*/index.ts", { eager: true, import: "domain" });

export const domains: Domain[] = Object.values(found);
