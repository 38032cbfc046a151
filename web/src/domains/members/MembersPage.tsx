/** Who is in a network, who waits to be let in, and what is decided about them. */
import { LaptopOutlined, PlusOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { networkPath, useNetworkId } from "@/app/paths";
import type { Member } from "@/api/documents";
import { useMembers } from "@/api/queries";
import { useMay } from "@/api/session";
import { EmptyState } from "@/components/EmptyState";
import { LinkButton } from "@/components/LinkButton";
import { Page, Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { MemberDrawer } from "./MemberDrawer";
import { MemberFilters } from "./MemberFilters";
import { MemberTable } from "./MemberTable";
import { countStandings, filterMembers, readFilter, writeFilter } from "./memberFilter";
import { WaitingMembers } from "./WaitingMembers";

export default function MembersPage() {
  const { t } = useTranslation("members");
  const network = useNetworkId();
  const mayInvite = useMay("operator");
  const query = useMembers(network);
  const counts = useMemo(() => countStandings(query.data ?? []), [query.data]);
  const approved = counts.online + counts.offline;
  const invite = mayInvite && (
    <LinkButton to={`${networkPath(network, "keys")}?new`} type="primary" icon={<PlusOutlined aria-hidden />}>
      {t("invite")}
    </LinkButton>
  );
  return (
    <Page
      title={t("title")}
      intro={<span aria-live="polite">{query.data && t("intro", { online: counts.online, approved })}</span>}
      actions={query.data?.length ? invite : null}
    >
      <QueryState query={query}>
        {(members) =>
          members.length === 0 ? (
            <Section>
              <EmptyState icon={<LaptopOutlined />} title={t("empty.title")} text={t("empty.text")} action={invite} />
            </Section>
          ) : (
            <Listed members={members} />
          )
        }
      </QueryState>
    </Page>
  );
}

function Listed({ members }: { members: Member[] }) {
  const { t } = useTranslation("members");
  const network = useNetworkId();
  const navigate = useNavigate();
  const { node } = useParams();
  const [search, setSearch] = useSearchParams();
  const filter = readFilter(search);
  const waiting = members.filter((member) => member.state === "pending");
  const shown = filterMembers(members, filter);
  const query = search.toString() ? `?${search.toString()}` : "";
  return (
    <>
      <WaitingMembers members={waiting} />
      <Section>
        <MemberFilters
          members={members}
          filter={filter}
          onChange={(next) => setSearch(writeFilter(next), { replace: true })}
        />
        {shown.length === 0 ? (
          <EmptyState
            title={t("noMatch.title")}
            action={<Button onClick={() => setSearch({}, { replace: true })}>{t("noMatch.action")}</Button>}
          />
        ) : (
          <MemberTable members={shown} search={query} />
        )}
      </Section>
      <MemberDrawer
        members={members}
        node={node ?? null}
        onClose={() => void navigate(networkPath(network, `members${query}`))}
      />
    </>
  );
}
