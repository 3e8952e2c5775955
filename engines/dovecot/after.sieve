# SPDX-License-Identifier: GPL-3.0-or-later
# mailherd: what the user's own script left in the inbox and the filter
# called spam goes to Junk.
require ["fileinto", "mailbox"];

if header :contains "X-Spam" "Yes" {
	fileinto :create "Junk";
	stop;
}
