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
INSERT INTO "alembic_version" VALUES('0002');
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
INSERT INTO "audit" VALUES(3,1800000002.0,'user:ann','invite.create','nbbuzm2g','5izhhbn3','uses=10 lifetime=86400 approval=automatic','46e91046ca06d9369a1268c4480193c02a4f6c9fa41cdff3d16caae956c72e08');
INSERT INTO "audit" VALUES(4,1800000010.0,'invite:5izhhbn3','member.join','nbbuzm2g','3yso2gcyp5r33tky','','9c19597f2439daac41fd5ce1f10f6e2518d54dac237658f043b902fdcb8da3e0');
INSERT INTO "audit" VALUES(5,1800000011.0,'invite:5izhhbn3','member.join','nbbuzm2g','fqjhklqhsj2k6uqf','','14146a4df8cd721f5bdc9431655865f31b4310c1e1c9aa1a705e02d9e0958993');
INSERT INTO "audit" VALUES(6,1800000012.0,'invite:5izhhbn3','member.join','nbbuzm2g','nfr7pvr64km36kuk','','b997b437ea22c52b6b91646b70726b367011e3f142538def647cee716eb0c5d0');
INSERT INTO "audit" VALUES(7,1800000013.0,'invite:5izhhbn3','member.join','nbbuzm2g','arzrei5ldxkahv7x','','bb9c3cf4cf538125c2f82c67cb27693129976aca80e1c29b27ceaa039d46898c');
INSERT INTO "audit" VALUES(8,1800000014.0,'invite:5izhhbn3','member.join','nbbuzm2g','ql6m4ienvod7ijps','','0be7a4e9c29711c12a36fd1a04e0185bd7970cc48ed7e639a1368938ce855049');
INSERT INTO "audit" VALUES(9,1800000020.0,'user:ann','member.remove','nbbuzm2g','arzrei5ldxkahv7x','gone','054c0beb2b4f8cf9d8731c6383eee917c9db563370d849a72e6fcd2c15d6dfb0');
INSERT INTO "audit" VALUES(10,1800000021.0,'user:ann','member.deny','nbbuzm2g','ql6m4ienvod7ijps','','8e1877345a11a11269ad854b7b0fddc8baeef47d4e06aec4d80e76376bc48916');
INSERT INTO "audit" VALUES(11,1800000022.0,'owner','member.change','nbbuzm2g','nfr7pvr64km36kuk','is_bridge=True','128e9c3dfb500d5dae64369d7f64b24a72b9ce94274eeba8b3a614263444329c');
INSERT INTO "audit" VALUES(12,1800000023.0,'owner','invite.create','nbbuzm2g','agfnf227','uses=1 lifetime=86400 approval=manual','f570dbf0146ab2feb001f1364bb0ea04972abef8b8a2b837bbf43fb24a0df8ba');
INSERT INTO "audit" VALUES(13,1800000024.0,'owner','invite.revoke','nbbuzm2g','agfnf227','','c8eb77805686444a98b0d27d50d8d1da237e9bccacbc32988dbcd1722682f21e');
INSERT INTO "audit" VALUES(14,1800000030.0,'user:ann','user.bootstrap','','k6vk3e3kjvuohq6y','','38ea683289ffab544f9362e72693c4b57d3840e2ffe4e9d2919e5fdd010ddfad');
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
	CONSTRAINT uq_join_keys_secret_hash UNIQUE (secret_hash), 
	CONSTRAINT ck_join_keys_approval CHECK (approval IN ('automatic', 'manual'))
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
	CONSTRAINT uq_members_network_mac UNIQUE (network, mac), 
	CONSTRAINT uq_members_network_name_key UNIQUE (network, name_key), 
	CONSTRAINT fk_members_network FOREIGN KEY(network) REFERENCES networks (id) ON DELETE CASCADE, 
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
