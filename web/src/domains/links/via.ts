import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { isolated } from "@/components/isolated";
import { isStraightTcp } from "@/api/links";
import { currentLanguage } from "@/app/i18n";

interface Way {
  path: string;
  via: readonly string[];
  relay?: string;
}

/** What a path leads through: the relay's name, or those of members in between; empty for a direct one by UDP. */
export function useVia(nameOf: (node: string) => string): (way: Way) => string {
  const { t } = useTranslation("links");
  return useCallback(
    (way: Way) => {
      if (isStraightTcp(way)) return t("straight");
      const { via, relay = "" } = way;
      const names = relay === "" ? via.map((node) => isolated(nameOf(node))) : [relay];
      if (names.length === 0) return "";
      return t("via", { names: new Intl.ListFormat(currentLanguage(), { type: "unit" }).format(names) });
    },
    [t, nameOf],
  );
}
