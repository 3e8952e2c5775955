-- The tables that plain SQL maps of Postfix would ask, one row per address.
CREATE DATABASE bench CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
USE bench;
CREATE TABLE domain (
	name VARCHAR(255) PRIMARY KEY,
	active TINYINT NOT NULL
) ENGINE=InnoDB;
CREATE TABLE mailbox (
	address VARCHAR(255) PRIMARY KEY,
	active TINYINT NOT NULL
) ENGINE=InnoDB;
CREATE TABLE alias (
	address VARCHAR(255) PRIMARY KEY,
	target TEXT NOT NULL,
	active TINYINT NOT NULL
) ENGINE=InnoDB;
CREATE TABLE alias_domain (
	name VARCHAR(255) PRIMARY KEY,
	target VARCHAR(255) NOT NULL,
	active TINYINT NOT NULL
) ENGINE=InnoDB;
