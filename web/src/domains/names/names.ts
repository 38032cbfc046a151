/** The names of a network: those that people made, and those that members have by their own. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import type { components } from "@/api/schema";

type Schemas = components["schemas"];
export type Names = Schemas["NamesDocument"];
export type OwnName = Schemas["NameDocument"];
export type MemberName = Schemas["MemberNameDocument"];

export const ADDRESSES_MOST = 4;
/** What the controller reads as one name; it writes it in small letters. */
const LABEL = /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)$/;
const IPV4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;
const IPV6 = /^(?=.*:.*:)[0-9a-f:.]{2,45}$/i;

const keyOf = (network: string) => ["names", network] as const;

export function useNames(network: string) {
  return useQuery({
    queryKey: keyOf(network),
    queryFn: () => answer(api.GET("/networks/{network}/names", { params: { path: { network } } })),
  });
}

export function useNameActions(network: string) {
  const cache = useQueryClient();
  const show = (change: (items: OwnName[]) => OwnName[]) => {
    cache.setQueryData<Names>(keyOf(network), (known) => known && { ...known, items: change(known.items) });
  };
  return {
    /** Leads a name to these addresses, and to no others. */
    set: async (name: string, addresses: string[]): Promise<OwnName> => {
      const params = { path: { network, name } };
      const made = await answer(api.PUT("/networks/{network}/names/{name}", { params, body: { addresses } }));
      show((items) => [...items.filter((one) => one.name !== made.name), made].sort(byName));
      return made;
    },
    remove: async (name: string): Promise<void> => {
      await answer(api.DELETE("/networks/{network}/names/{name}", { params: { path: { network, name } } }));
      show((items) => items.filter((one) => one.name !== name));
    },
  };
}

const byName = (one: OwnName, other: OwnName) => (one.name < other.name ? -1 : 1);

/** Whether the controller can make a name of it. Letters beyond ASCII it writes as `xn--...`. */
export function isName(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text) ? LABEL.test(text) : text.length <= 63 && !/[\s.]/.test(text);
}

export function isAddress(text: string): boolean {
  return IPV4.test(text) || IPV6.test(text);
}
