BEGIN TRANSACTION;
CREATE TABLE addresses (
	network TEXT NOT NULL, 
	address TEXT NOT NULL, 
	family INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	node_id TEXT NOT NULL, 
	released_at REAL, 
	CONSTRAINT pk_addresses PRIMARY KEY (network, address), 
	CONSTRAINT uq_addresses_network_family_position UNIQUE (network, family, position), 
	CONSTRAINT uq_addresses_network_family_node_id UNIQUE (network, family, node_id), 
	CONSTRAINT ck_addresses_family CHECK (family IN (4, 6)), 
	CONSTRAINT fk_addresses_network FOREIGN KEY(network) REFERENCES networks (id) ON DELETE CASCADE
)
 STRICT

;
INSERT INTO "addresses" VALUES('nbbuzm2g','10.9.0.1',4,1,'3yso2gcyp5r33tky',NULL);
INSERT INTO "addresses" VALUES('nbbuzm2g','fd00:9::1',6,1,'3yso2gcyp5r33tky',NULL);
INSERT INTO "addresses" VALUES('nbbuzm2g','10.9.0.2',4,2,'fqjhklqhsj2k6uqf',NULL);
INSERT INTO "addresses" VALUES('nbbuzm2g','fd00:9::2',6,2,'fqjhklqhsj2k6uqf',NULL);
INSERT INTO "addresses" VALUES('nbbuzm2g','10.9.0.3',4,3,'nfr7pvr64km36kuk',NULL);
INSERT INTO "addresses" VALUES('nbbuzm2g','fd00:9::3',6,3,'nfr7pvr64km36kuk',NULL);
INSERT INTO "addresses" VALUES('nbbuzm2g','10.9.0.4',4,4,'arzrei5ldxkahv7x',1800000020.0);
INSERT INTO "addresses" VALUES('nbbuzm2g','fd00:9::4',6,4,'arzrei5ldxkahv7x',1800000020.0);
INSERT INTO "addresses" VALUES('nbbuzm2g','10.9.0.5',4,5,'ql6m4ienvod7ijps',1800000021.0);
INSERT INTO "addresses" VALUES('nbbuzm2g','fd00:9::5',6,5,'ql6m4ienvod7ijps',1800000021.0);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
CREATE TABLE api_tokens (
	id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	secret_hash BLOB NOT NULL, 
	scopes TEXT NOT NULL, 
	created_by TEXT NOT NULL, 
	created_at REAL NOT NULL, 
	expires_at REAL NOT NULL, 
	used_at REAL, 
	CONSTRAINT pk_api_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_api_tokens_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
)
 STRICT

;
CREATE TABLE "audit" (
	number INTEGER NOT NULL, 
	at REAL NOT NULL, 
	actor TEXT NOT NULL, 
	action TEXT NOT NULL, 
	network TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	hash TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (number)
)
 STRICT

;
INSERT INTO "audit" VALUES(1,1800000000.0,'owner','network.create','nbbuzm2g','home','','0b8d7e7693505ea260fde15cd07957aff34ec27fae8358ca88d98310245d580c');
INSERT INTO "audit" VALUES(2,1800000001.0,'owner','network.create','ft4gzjns','Gäste-客人','','968d8eee8b702a0370c05782dcfec95eb47ffd5a948cb25c882c96f171da177d');
INSERT INTO "audit" VALUES(3,1800000002.0,'user:ann','invite.create','nbbuzm2g','5izhhbn3','uses=10 lifetime=86400 approval=automatic tags= ephemeral=False','28a230a3fc0561fd5c6ef24759684c86b1414cb88addb702f59272314c436a26');
INSERT INTO "audit" VALUES(4,1800000010.0,'invite:5izhhbn3','member.join','nbbuzm2g','3yso2gcyp5r33tky','','9e3e4d5ff0c2aae29998aedda20915732fa45a3ed4dbed73cbad6dd2aa64d33e');
INSERT INTO "audit" VALUES(5,1800000011.0,'invite:5izhhbn3','member.join','nbbuzm2g','fqjhklqhsj2k6uqf','','965a26006895435a2aaa1961516d7f16cffa79ead121c879be4668bc113ca6fe');
INSERT INTO "audit" VALUES(6,1800000012.0,'invite:5izhhbn3','member.join','nbbuzm2g','nfr7pvr64km36kuk','','7c43b9de3563434bef28fbc3c18190d22c3b0839dafe3a6fb506dcea52c08d48');
INSERT INTO "audit" VALUES(7,1800000013.0,'invite:5izhhbn3','member.join','nbbuzm2g','arzrei5ldxkahv7x','','507d070a01c5e2c8f1aea67f311c5e79ec5ea83a3693025301095aa4f4748508');
INSERT INTO "audit" VALUES(8,1800000014.0,'invite:5izhhbn3','member.join','nbbuzm2g','ql6m4ienvod7ijps','','769ac0d404a2e3d6f35c3a91940d45486a8900b931bc7d9b9a33f8773a010795');
INSERT INTO "audit" VALUES(9,1800000020.0,'user:ann','member.remove','nbbuzm2g','arzrei5ldxkahv7x','gone','b768f88385771ebe7d54b541371cc8a96e09971e863fef2bc33e0c92100b7587');
INSERT INTO "audit" VALUES(10,1800000021.0,'user:ann','member.deny','nbbuzm2g','ql6m4ienvod7ijps','','e7e7ee17afa3766fde042ee003c1847cf4503b963b1dbc5b464d2631fa90f04d');
INSERT INTO "audit" VALUES(11,1800000022.0,'owner','member.change','nbbuzm2g','nfr7pvr64km36kuk','is_bridge=True','c167e052c69c899650f8a50796bf371ea28da34e4f358157cbd58065b9c1ab93');
INSERT INTO "audit" VALUES(12,1800000023.0,'owner','invite.create','nbbuzm2g','agfnf227','uses=1 lifetime=86400 approval=manual tags= ephemeral=False','a31df18c3d951a98f4140c51e7c88a860b2ffca0e3a30ace24da6d6ba616a46d');
INSERT INTO "audit" VALUES(13,1800000024.0,'owner','invite.revoke','nbbuzm2g','agfnf227','','b1a8532e858d62f05ab2880ad736e83541b5f91b8693760032edceec58b0109f');
INSERT INTO "audit" VALUES(14,1800000030.0,'user:ann','user.bootstrap','','k6vk3e3kjvuohq6y','','50a11a7d4de74b1cd7d5bece710fa3f5e73fba85cdb9a8608126c3a315f0a3d2');
CREATE TABLE "join_keys" (
	id TEXT NOT NULL, 
	network TEXT NOT NULL, 
	secret_hash BLOB NOT NULL, 
	uses_total INTEGER NOT NULL, 
	uses_left INTEGER NOT NULL, 
	approval TEXT NOT NULL, 
	created_by TEXT NOT NULL, 
	created_at REAL NOT NULL, 
	expires_at REAL NOT NULL, 
	revoked_at REAL, 
	tags TEXT DEFAULT '' NOT NULL, 
	is_ephemeral INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_join_keys PRIMARY KEY (id), 
	CONSTRAINT fk_join_keys_network FOREIGN KEY(network) REFERENCES networks (id) ON DELETE CASCADE, 
	CONSTRAINT ck_join_keys_uses CHECK (uses_left >= 0 AND uses_left <= uses_total), 
	CONSTRAINT ck_join_keys_approval CHECK (approval IN ('automatic', 'manual')), 
	CONSTRAINT uq_join_keys_secret_hash UNIQUE (secret_hash)
)
 STRICT

;
INSERT INTO "join_keys" VALUES('5izhhbn3','nbbuzm2g',X'2B25825ECB88D4907DFCC86E9E3DA601D1142C51DD95C48A62B2D55DF4EE0B34',10,5,'automatic','user:ann',1800000002.0,1800086402.0,NULL,'',0);
INSERT INTO "join_keys" VALUES('agfnf227','nbbuzm2g',X'147F285282FAAC27FF6291F2AA995FD4475B19B71E17496A4320D03FD07613C3',1,1,'manual','owner',1800000023.0,1800086423.0,1800000024.0,'',0);
CREATE TABLE "members" (
	network TEXT NOT NULL, 
	node_id TEXT NOT NULL, 
	static_public BLOB NOT NULL, 
	signing_public BLOB NOT NULL, 
	mac BLOB NOT NULL, 
	name TEXT NOT NULL, 
	name_key TEXT NOT NULL, 
	state TEXT NOT NULL, 
	capabilities TEXT NOT NULL, 
	is_bridge INTEGER NOT NULL, 
	version TEXT NOT NULL, 
	join_key TEXT, 
	revision INTEGER NOT NULL, 
	created_at REAL NOT NULL, 
	last_seen_at REAL NOT NULL, 
	tags TEXT DEFAULT '' NOT NULL, 
	is_ephemeral INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_members PRIMARY KEY (network, node_id), 
	CONSTRAINT uq_members_network_static_public UNIQUE (network, static_public), 
	CONSTRAINT fk_members_network FOREIGN KEY(network) REFERENCES networks (id) ON DELETE CASCADE, 
	CONSTRAINT uq_members_network_name_key UNIQUE (network, name_key), 
	CONSTRAINT uq_members_network_mac UNIQUE (network, mac), 
	CONSTRAINT ck_members_state CHECK (state IN ('pending', 'approved', 'denied', 'blocked'))
)
 STRICT

;
INSERT INTO "members" VALUES('nbbuzm2g','3yso2gcyp5r33tky',X'F9335C1824CDEB7B11AB43F055E16084BF5D2174AEEF57266EDE0FC78DA43612',X'5E9402BF6BBE86E0ED0824BFB46CF9B5203F2E5F6AF12EF0C672F665E0AF4DB5',X'E65FC9413D6E','laptop','laptop','approved','aes',0,'0.1','5izhhbn3',2,1800000010.0,1800000010.0,'',0);
INSERT INTO "members" VALUES('nbbuzm2g','fqjhklqhsj2k6uqf',X'AE1D0355418BCB6040B7FBDE3122787B07BA3F8C205B7339B60A190DF6CBA311',X'BA00A3F819870C3AD08CD2D90C6DE3C531BC168B6F0C384BE258DB0705AB686A',X'9EAE43D32509','Büro','büro','approved','aes',0,'0.1','5izhhbn3',3,1800000011.0,1800000011.0,'',0);
INSERT INTO "members" VALUES('nbbuzm2g','nfr7pvr64km36kuk',X'234911C322D8F62C198DFB7A9FA09D73A9AC5EA88579233BE27C24FE22B23C05',X'08F3B221F53D40159AD984E00F250FCB922818AFBD2734460AB46902FA1FB4BB',X'3A481E43DC99','server','server','approved','aes',1,'0.1','5izhhbn3',9,1800000012.0,1800000012.0,'',0);
INSERT INTO "members" VALUES('nbbuzm2g','ql6m4ienvod7ijps',X'5D85A91E251401AC1FEDAA5919A18FA36FE19929C33328288C1088D01C49BA5C',X'FC9EB994C699B4FBE7ECCC4246AE3F7AC5B54F14F20B43CABBDF744A4B6B7E3E',X'86A9057B06D0','denied','denied','denied','aes',0,'0.1','5izhhbn3',6,1800000014.0,1800000014.0,'',0);
CREATE TABLE networks (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	name_key TEXT NOT NULL, 
	ipv4_prefix TEXT, 
	ipv6_prefix TEXT, 
	mtu INTEGER NOT NULL, 
	psk_mode TEXT NOT NULL, 
	psk BLOB, 
	approval TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	complete_since INTEGER NOT NULL, 
	created_at REAL NOT NULL, 
	CONSTRAINT pk_networks PRIMARY KEY (id), 
	CONSTRAINT ck_networks_psk_mode CHECK (psk_mode IN ('managed', 'end-to-end')), 
	CONSTRAINT ck_networks_approval CHECK (approval IN ('automatic', 'manual')), 
	CONSTRAINT uq_networks_name_key UNIQUE (name_key)
)
 STRICT

;
INSERT INTO "networks" VALUES('nbbuzm2g','home','home','10.9.0.0/24','fd00:9::/64',1400,'managed',X'5AF8575CACC84F04485EE6C871BB4102FC0A35E88A04CAB82CF25355C25C03E4','automatic',9,1,1800000000.0);
INSERT INTO "networks" VALUES('ft4gzjns','Gäste-客人','gäste-客人','10.68.240.0/20','fdb2:a73b:3986::/64',1400,'managed',X'631D105783CDFFD857204C8685C1BE5F0AA965726F464640BDFA82EACA2A8C46','manual',1,1,1800000001.0);
CREATE TABLE policies (
	network TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	comment TEXT NOT NULL, 
	created_by TEXT NOT NULL, 
	created_at REAL NOT NULL, 
	CONSTRAINT pk_policies PRIMARY KEY (network, revision), 
	CONSTRAINT fk_policies_network FOREIGN KEY(network) REFERENCES networks (id) ON DELETE CASCADE
)
 STRICT

;
CREATE TABLE removals (
	network TEXT NOT NULL, 
	node_id TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_removals PRIMARY KEY (network, node_id), 
	CONSTRAINT fk_removals_network FOREIGN KEY(network) REFERENCES networks (id) ON DELETE CASCADE
)
 STRICT

;
INSERT INTO "removals" VALUES('nbbuzm2g','arzrei5ldxkahv7x',7);
INSERT INTO "removals" VALUES('nbbuzm2g','ql6m4ienvod7ijps',8);
CREATE TABLE sessions (
	id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	secret_hash BLOB NOT NULL, 
	source TEXT NOT NULL, 
	created_at REAL NOT NULL, 
	used_at REAL NOT NULL, 
	expires_at REAL NOT NULL, 
	CONSTRAINT pk_sessions PRIMARY KEY (id), 
	CONSTRAINT fk_sessions_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT ck_sessions_kind CHECK (kind IN ('browser', 'refresh'))
)
 STRICT

;
CREATE TABLE settings (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_settings PRIMARY KEY ("key")
)
 STRICT

;
CREATE TABLE subnets (
	network TEXT NOT NULL, 
	node_id TEXT NOT NULL, 
	subnet TEXT NOT NULL, 
	is_announced INTEGER NOT NULL, 
	is_approved INTEGER NOT NULL, 
	CONSTRAINT pk_subnets PRIMARY KEY (network, node_id, subnet), 
	CONSTRAINT fk_subnets_network_node_id FOREIGN KEY(network, node_id) REFERENCES members (network, node_id) ON DELETE CASCADE
)
 STRICT

;
CREATE TABLE "users" (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	name_key TEXT NOT NULL, 
	password_hash TEXT NOT NULL, 
	role TEXT NOT NULL, 
	created_at REAL NOT NULL, 
	is_disabled INTEGER DEFAULT '0' NOT NULL, 
	valid_after REAL DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT ck_users_role CHECK (role IN ('owner', 'admin', 'operator', 'auditor', 'user')), 
	CONSTRAINT uq_users_name_key UNIQUE (name_key)
)
 STRICT

;
INSERT INTO "users" VALUES('k6vk3e3kjvuohq6y','ann','ann','$argon2id$not-a-hash','owner',1800000030.0,0,0.0);
CREATE INDEX ix_removals_network_revision ON removals (network, revision);
CREATE INDEX ix_sessions_user_id ON sessions (user_id);
CREATE INDEX ix_api_tokens_user_id ON api_tokens (user_id);
COMMIT;
