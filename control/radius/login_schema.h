// The tables of accounts.db, step by step; each step stays as it was once released.
//
// login: a log-in at an address or prefix; open while logout_us is NULL. login_change: which of
// them the sealed record is to be told of. session_end: what stops have said, nas_restart: what
// Accounting-On and -Off have, for what is told late of before; both for as long as that can be.
// prefix_length: the lengths there are of prefixes, beside single addresses.
#pragma once

#include <array>

namespace weir::control::radius {

inline constexpr std::array<const char*, 6> kLoginSchema{R"sql(
CREATE TABLE login(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  ip TEXT NOT NULL,
  account TEXT NOT NULL,
  mac TEXT NOT NULL,
  nas TEXT NOT NULL,
  nas_name TEXT NOT NULL,
  session TEXT NOT NULL,
  port TEXT NOT NULL,
  login_us INTEGER NOT NULL,
  logout_us INTEGER,
  cause TEXT NOT NULL,
  last_seen_us INTEGER NOT NULL,
  interim_s INTEGER NOT NULL) STRICT;
CREATE INDEX login_at ON login(ip, login_us);
CREATE INDEX login_by ON login(account, login_us);
CREATE INDEX login_of ON login(nas, session);
CREATE INDEX login_open ON login(id) WHERE logout_us IS NULL;
)sql",
                                                         R"sql(
CREATE TABLE login_change(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  login INTEGER NOT NULL) STRICT;
INSERT INTO login_change(login) SELECT id FROM login ORDER BY id;
CREATE TRIGGER login_begins AFTER INSERT ON login
  BEGIN INSERT INTO login_change(login) VALUES(NEW.id); END;
CREATE TRIGGER login_changes AFTER UPDATE ON login
  WHEN OLD.logout_us IS NOT NEW.logout_us OR OLD.cause IS NOT NEW.cause
    OR OLD.login_us IS NOT NEW.login_us OR OLD.account IS NOT NEW.account
  BEGIN INSERT INTO login_change(login) VALUES(NEW.id); END;
)sql",
                                                         R"sql(
ALTER TABLE login ADD COLUMN source INTEGER NOT NULL DEFAULT 2;
)sql",
                                                         R"sql(
ALTER TABLE login ADD COLUMN begun_unseen INTEGER NOT NULL DEFAULT 0;
)sql",
                                                         R"sql(
CREATE INDEX login_ended ON login(logout_us) WHERE logout_us IS NOT NULL;
CREATE TABLE session_end(
  nas TEXT NOT NULL,
  session TEXT NOT NULL,
  account TEXT NOT NULL,
  end_us INTEGER NOT NULL,
  cause TEXT NOT NULL,
  PRIMARY KEY(nas, session, account)) STRICT, WITHOUT ROWID;
CREATE INDEX session_end_at ON session_end(end_us);
CREATE TABLE nas_restart(
  nas TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  names_nas INTEGER NOT NULL,
  PRIMARY KEY(nas, at_us)) STRICT, WITHOUT ROWID;
CREATE TABLE prefix_length(bits INTEGER PRIMARY KEY) STRICT;
INSERT OR IGNORE INTO prefix_length(bits)
  SELECT CAST(substr(ip, instr(ip, '/') + 1) AS INTEGER) FROM login WHERE instr(ip, '/') > 0;
DELETE FROM login_change WHERE login NOT IN (SELECT id FROM login);
)sql",
                                                         R"sql(
CREATE INDEX login_from ON login(mac, login_us) WHERE mac <> '';
)sql"};

}  // namespace weir::control::radius
