/** What people decide about members: each decision is sent, shown as the answer has it, and can be taken back. */
import { useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { answer, api } from "@/api/client";
import type { Member } from "@/api/documents";
import { keys, putMember } from "@/api/queries";
import type { components } from "@/api/schema";
import { isolated } from "@/components/isolated";
import { useNotices } from "@/components/notice";

type Change = components["schemas"]["MemberChange"];

export interface MemberActions {
  change: (member: Member, change: Change) => Promise<Member>;
  rename: (member: Member, name: string) => Promise<void>;
  setTags: (member: Member, tags: string[]) => Promise<void>;
  setBridge: (member: Member, isBridge: boolean) => Promise<void>;
  approve: (member: Member) => Promise<void>;
  deny: (member: Member) => Promise<void>;
  block: (member: Member) => Promise<void>;
  remove: (member: Member) => Promise<void>;
}

export function useMemberActions(): MemberActions {
  const cache = useQueryClient();
  const notices = useNotices();
  const { t } = useTranslation("members");

  return useMemo(() => {
    const change = async (member: Member, wanted: Change) => {
      const path = { network: member.network, node: member.id };
      const changed = await answer(
        api.PATCH("/networks/{network}/members/{node}", { params: { path }, body: wanted }),
      );
      putMember(cache, changed);
      return changed;
    };
    const decide = async (member: Member, wanted: Change, said: string, back?: Change) => {
      const changed = await change(member, wanted);
      notices.done(t(said, { name: isolated(changed.name) }), back && (() => change(changed, back)));
    };
    return {
      change,
      rename: (member, name) => decide(member, { name }, "done.renamed", { name: member.name }),
      setTags: (member, tags) => decide(member, { tags }, "done.tagged", { tags: member.tags }),
      setBridge: (member, is_bridge) =>
        decide(member, { is_bridge }, is_bridge ? "done.bridge" : "done.noBridge", { is_bridge: member.is_bridge }),
      approve: (member) => decide(member, { state: "approved" }, "done.approved", backFrom(member)),
      deny: (member) => decide(member, { state: "denied" }, "done.denied", backFrom(member)),
      block: (member) => decide(member, { state: "blocked" }, "done.blocked", backFrom(member)),
      remove: async (member) => {
        const path = { network: member.network, node: member.id };
        await answer(api.DELETE("/networks/{network}/members/{node}", { params: { path } }));
        cache.setQueryData<Member[]>(keys.members(member.network), (known) =>
          known?.filter((one) => one.id !== member.id),
        );
        notices.done(t("done.removed", { name: isolated(member.name) }));
      },
    };
  }, [cache, notices, t]);
}

/** What takes a decision back. Nothing does where the member waited before: the API cannot make it wait anew. */
function backFrom(member: Member): Change | undefined {
  return member.state === "pending" ? undefined : { state: member.state };
}
