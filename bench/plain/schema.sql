-- SPDX-License-Identifier: GPL-3.0-or-later
-- What the maps of the plain set-up ask. State of an address: 0 off, 1 on,
-- 2 receives mail and may not log in.
CREATE DATABASE mail;
USE mail;

CREATE TABLE domain (
	name VARCHAR(255) PRIMARY KEY,
	is_relay TINYINT NOT NULL DEFAULT 0,
	relay_everybody TINYINT NOT NULL DEFAULT 0,
	relay_unknown_only TINYINT NOT NULL DEFAULT 0,
	relay_host INT NULL,
	active TINYINT NOT NULL DEFAULT 1
) ENGINE=InnoDB;

CREATE TABLE alias_domain (
	name VARCHAR(255) PRIMARY KEY,
	target VARCHAR(255) NOT NULL,
	active TINYINT NOT NULL DEFAULT 1,
	KEY (target)
) ENGINE=InnoDB;

CREATE TABLE mailbox (
	address VARCHAR(255) PRIMARY KEY,
	local_part VARCHAR(255) NOT NULL,
	domain VARCHAR(255) NOT NULL,
	kind VARCHAR(20) NOT NULL DEFAULT 'person',
	password VARCHAR(255) NOT NULL,
	store_format VARCHAR(20) NOT NULL DEFAULT 'maildir:',
	store_prefix VARCHAR(255) NOT NULL,
	quota BIGINT NOT NULL DEFAULT 0,
	imap_access TINYINT NOT NULL DEFAULT 1,
	pop3_access TINYINT NOT NULL DEFAULT 1,
	sieve_access TINYINT NOT NULL DEFAULT 1,
	smtp_access TINYINT NOT NULL DEFAULT 1,
	tls_enforce_in TINYINT NOT NULL DEFAULT 0,
	tls_enforce_out TINYINT NOT NULL DEFAULT 0,
	relay_host INT NULL,
	active TINYINT NOT NULL DEFAULT 1,
	KEY (domain)
) ENGINE=InnoDB;

-- Every mailbox has a row here: address = target.
CREATE TABLE alias (
	address VARCHAR(255) PRIMARY KEY,
	domain VARCHAR(255) NOT NULL,
	target TEXT NOT NULL,
	sender_allowed TINYINT NOT NULL DEFAULT 1,
	active TINYINT NOT NULL DEFAULT 1,
	KEY (domain)
) ENGINE=InnoDB;

CREATE TABLE temporary_alias (
	address VARCHAR(255) PRIMARY KEY,
	target TEXT NOT NULL,
	valid_until INT NOT NULL,
	permanent TINYINT NOT NULL DEFAULT 0
) ENGINE=InnoDB;

CREATE TABLE recipient_map (
	old VARCHAR(255) PRIMARY KEY,
	new VARCHAR(255) NOT NULL,
	active TINYINT NOT NULL DEFAULT 1
) ENGINE=InnoDB;

-- Who may write as whom: an address, @domain or * .
CREATE TABLE sender_permission (
	login VARCHAR(255) NOT NULL,
	send_as VARCHAR(255) NOT NULL,
	PRIMARY KEY (send_as, login)
) ENGINE=InnoDB;

CREATE TABLE relay_host (
	id INT PRIMARY KEY,
	next_hop VARCHAR(255) NOT NULL,
	username VARCHAR(255) NOT NULL,
	password VARCHAR(255) NOT NULL,
	active TINYINT NOT NULL DEFAULT 1
) ENGINE=InnoDB;

CREATE TABLE transport (
	destination VARCHAR(255) PRIMARY KEY,
	next_hop VARCHAR(255) NOT NULL,
	by_mx TINYINT NOT NULL DEFAULT 0,
	username VARCHAR(255) NOT NULL DEFAULT '',
	password VARCHAR(255) NOT NULL DEFAULT '',
	active TINYINT NOT NULL DEFAULT 1
) ENGINE=InnoDB;

CREATE TABLE tls_policy (
	destination VARCHAR(255) PRIMARY KEY,
	policy VARCHAR(20) NOT NULL,
	parameters VARCHAR(255) NOT NULL DEFAULT '',
	active TINYINT NOT NULL DEFAULT 1
) ENGINE=InnoDB;

-- Written by Dovecot's quota plug-in through its dict.
CREATE TABLE used_quota (
	address VARCHAR(255) PRIMARY KEY,
	bytes BIGINT NOT NULL DEFAULT 0,
	messages BIGINT NOT NULL DEFAULT 0
) ENGINE=InnoDB;

-- Written by Dovecot's last_login plug-in through its dict.
CREATE TABLE login_log (
	login VARCHAR(255) NOT NULL,
	service VARCHAR(20) NOT NULL,
	remote VARCHAR(45) NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (login, service, remote)
) ENGINE=InnoDB;

CREATE USER mail@localhost IDENTIFIED BY 'plain';
GRANT SELECT, INSERT, UPDATE, DELETE ON mail.* TO mail@localhost;
