/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The doctor's look at the certificate and at the copies of the keys. */
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/doctor.h"
#include "cli/key_file.h"
#include "cli/setup_certificate.h"

#define DAY_S (24 * 3600)
#define EXPIRY_WARNING_DAYS 14
#define WEAK_KEY_BITS 112 /* of security: RSA 2048, any EC curve in use */

enum doctor_level
doctor_judge_expiry(int64_t seconds_left)
{
	if (seconds_left <= 0)
		return DOCTOR_BAD;
	return seconds_left < (int64_t)EXPIRY_WARNING_DAYS * DAY_S
		       ? DOCTOR_WARNING
		       : DOCTOR_GOOD;
}

static X509 *
read_certificate(const char *path)
{
	FILE *file = fopen(path, "re");
	X509 *certificate = NULL;

	if (file == NULL)
		return NULL;
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	(void)fclose(file);
	return certificate;
}

/* Nobody is asked for a password: services could not answer either. */
static int
no_password(char *buffer UNUSED, int size UNUSED, int writing UNUSED,
	void *context UNUSED)
{
	return 0;
}

static EVP_PKEY *
read_key(const char *path)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *key = NULL;

	if (file == NULL)
		return NULL;
	key = PEM_read_PrivateKey(file, NULL, no_password, NULL);
	(void)fclose(file);
	return key;
}

static void
check_expiry(struct doctor *doctor, const X509 *certificate)
{
	int days = 0, seconds = 0;
	int64_t left;

	if (ASN1_TIME_diff(&days, &seconds, NULL,
		    X509_get0_notAfter(certificate)) != 1) {
		doctor_add(doctor, DOCTOR_BAD, "put another certificate there",
			"the certificate's end can not be read");
		return;
	}
	left = (int64_t)days * DAY_S + seconds;
	if (left <= 0)
		doctor_add(doctor, DOCTOR_BAD,
			"put a new certificate and its key there, then: mailherd restart",
			"the certificate ended %lld days ago",
			(long long)(-left / DAY_S));
	else
		doctor_add(doctor, doctor_judge_expiry(left),
			doctor_judge_expiry(left) == DOCTOR_GOOD
				? ""
				: "put a new certificate and its key there, then: mailherd restart",
			"the certificate is valid for %lld more days",
			(long long)(left / DAY_S));
}

static void
check_issuer(struct doctor *doctor, X509 *certificate)
{
	if (X509_NAME_cmp(X509_get_subject_name(certificate),
		    X509_get_issuer_name(certificate)) == 0)
		doctor_add(doctor, DOCTOR_WARNING,
			"put one of an authority, with its chain, into tls/cert.pem and its key into tls/key.pem, then: mailherd restart",
			"the certificate is self-signed: mail programs warn of it");
}

static void
check_pair(struct doctor *doctor, X509 *certificate, const char *key_path)
{
	EVP_PKEY *key = read_key(key_path);

	if (key == NULL || X509_check_private_key(certificate, key) != 1)
		doctor_add(doctor, DOCTOR_BAD,
			"put the key and the certificate that belong together there, then: mailherd restart",
			"%s is not the key of the certificate", key_path);
	else if (EVP_PKEY_get_security_bits(key) < WEAK_KEY_BITS)
		doctor_add(doctor, DOCTOR_WARNING,
			"use RSA of 2048 bits or more, or an EC key",
			"the certificate's key is weak");
	EVP_PKEY_free(key);
}

void
doctor_certificate(struct doctor *doctor)
{
	const struct paths *paths = &doctor->call->paths;
	struct arena *arena = doctor->call->arena;
	const char *path = arena_printf(arena, "%s/tls/cert.pem", paths->state);
	X509 *certificate = read_certificate(path);

	if (certificate == NULL) {
		doctor_add(doctor, DOCTOR_BAD,
			"put a certificate there; mailherd setup makes a self-signed one",
			"%s can not be read", path);
		return;
	}
	check_expiry(doctor, certificate);
	check_issuer(doctor, certificate);
	check_pair(doctor, certificate,
		arena_printf(arena, "%s/tls/key.pem", paths->state));
	if (!setup_certificate_names(paths, arena, doctor->instance.hostname))
		doctor_add(doctor, DOCTOR_BAD,
			"put a certificate with that name there, then: mailherd restart",
			"the certificate does not name %s",
			doctor->instance.hostname);
	X509_free(certificate);
}

void
doctor_keys(struct doctor *doctor)
{
	struct key_file keys[KEY_FILE_COUNT];
	struct err err = { 0 };

	if (key_files_read(&doctor->call->paths, doctor->call->arena, keys,
		    &err) == -1) {
		doctor_add(doctor, DOCTOR_BAD, err.remedy, "%s", err.text);
		return;
	}
	for (size_t i = 0; i < KEY_FILE_COUNT; i++) {
		if (keys[i].secret.length == 0 && keys[i].optional)
			continue;
		if (key_file_is_damaged(&keys[i]))
			doctor_add(doctor, DOCTOR_BAD,
				"move it away, then put back the copy that was kept: mailherd key import FILE",
				"%s is damaged: it %s", keys[i].path,
				keys[i].purpose);
		else if (keys[i].secret.length == 0)
			doctor_add(doctor, DOCTOR_BAD,
				"mailherd key import FILE, or restore it from a backup",
				"%s is missing: it %s", keys[i].path,
				keys[i].purpose);
		else if (!keys[i].confirmed)
			doctor_add(doctor, DOCTOR_WARNING,
				"mailherd key export FILE, carry it away, mailherd key confirm",
				"nobody confirmed that a copy of the key %s is kept: it %s",
				keys[i].name, keys[i].purpose);
		else
			doctor_add(doctor, DOCTOR_GOOD, "",
				"a copy of the key %s is kept", keys[i].name);
	}
	key_files_deinit(keys);
}
