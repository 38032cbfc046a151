/** Names for what the API sends. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Network = Schemas["NetworkDocument"];
export type Member = Schemas["MemberDocument"];
export type Invite = Schemas["InviteDocument"];
export type User = Schemas["UserDocument"];
export type Me = Schemas["MeDocument"];
export type Session = Schemas["SessionDocument"];
export type Role = Me["role"];
export type MemberState = Member["state"];
