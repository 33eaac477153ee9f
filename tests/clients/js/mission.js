'use strict';
// Everything that the guide "Registration Meta Events and Procedures" promises, with its examples as written there.
//
//     node mission.js ws://127.0.0.1:8080/ws
//
// The examples are kept as text and evaluated with `session` in scope. Each runs twice: on a realm without any
// registration, with the ids that the guide shows; then with registrations that it talks of, and their real ids in
// place of the guide's. What came back is printed, and the script stops if it is not what the guide promises.

const assert = require('node:assert/strict');
const { join } = require('./support.js');

const SHOWN_REGISTRATION = '23560753';
const SHOWN_SESSION = '483984922713478';

const EXAMPLES = {
  'lists of current registrations':
    'session.call("wamp.registration.list").then(session.log, session.log)',
  'looking up a registration':
    'session.call("wamp.registration.lookup", ["com.myapp.procedure1"]).then(session.log, session.log)',
  'looking up a prefix registration':
    'session.call("wamp.registration.lookup", ["com.myapp", { match: "prefix" }]).then(session.log, session.log)',
  'looking up a wildcard registration':
    'session.call("wamp.registration.lookup", ["com.myapp..create", { match: "wildcard" }]).then(session.log, session.log)',
  'matching registrations':
    'session.call("wamp.registration.match", ["com.myapp.procedure1"]).then(session.log, session.log)',
  'getting data about a registration':
    'session.call("wamp.registration.get", [23560753]).then(session.log, session.log)',
  'getting the callees for a registration':
    'session.call("wamp.registration.list_callees", [23560753]).then(session.log, session.log)',
  'getting the callee count':
    'session.call("wamp.registration.count_callees", [23560753]).then(session.log, session.log)',
  'removing a callee':
    'session.call("wamp.registration.remove_callee", [23560753, 483984922713478]).then(session.log, session.log)',
};

/** Runs an example with the session's own `log` replaced by one that keeps what it is given. */
async function run(session, name, source, expected) {
  let answer;
  session.log = (value) => (answer = value?.error ?? value);
  await new Function('session', `return ${source}`)(session);
  console.log(`${name}\n  ${source}\n    ${JSON.stringify(answer)}`);
  assert.deepEqual(answer, expected, name);
}

async function main(url) {
  const open = () => join({ url }, 'ws-default', 'realm1');
  const [session, callee, second] = [await open(), await open(), await open()];

  console.log('# Nothing is registered');
  const missing = 'wamp.error.no_such_registration';
  const none = [{ exact: [], prefix: [], wildcard: [] }, null, null, null, [], missing, missing, missing];
  const answers = [...none, 'wamp.error.no_such_session'];
  for (const [n, [name, source]] of Object.entries(EXAMPLES).entries()) {
    await run(session, name, source, answers[n]);
  }

  console.log('# Events: all four, in the order of what happens');
  const seen = [];
  for (const name of ['on_create', 'on_register', 'on_unregister', 'on_delete']) {
    await session.subscribe(`wamp.registration.${name}`, ([who, what]) => seen.push([name, who, what]));
  }
  const heard = (expected) => {
    for (const event of seen) console.log(`    ${JSON.stringify(event)}`);
    assert.deepEqual(seen.splice(0), expected);
  };

  const ids = {};
  for (const [uri, match] of [
    ['com.myapp.procedure1', 'exact'],
    ['com.myapp', 'prefix'],
    ['com.myapp..create', 'wildcard'],
  ]) {
    const { id } = await callee.register(uri, () => uri, { match, invoke: 'roundrobin' });
    ids[match] = id;
    const data = await session.call('wamp.registration.get', [id]);
    heard([['on_create', callee.id, data], ['on_register', callee.id, id]]);
    const { created, ...rest } = data;
    assert.match(created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(rest, { id, uri, match, invoke: 'roundrobin' });
  }
  await second.register('com.myapp.procedure1', () => 2, { invoke: 'roundrobin' });
  await session.call('wamp.registration.list');
  heard([['on_register', second.id, ids.exact]]);

  console.log('# The examples again, with what is registered now');
  const data = await session.call('wamp.registration.get', [ids.exact]);
  const real = [
    { exact: [ids.exact], prefix: [ids.prefix], wildcard: [ids.wildcard] },
    ids.exact,
    ids.prefix,
    ids.wildcard,
    [ids.exact, ids.prefix],
    data,
    [callee.id, second.id],
    2,
    null,
  ];
  for (const [n, [name, source]] of Object.entries(EXAMPLES).entries()) {
    const here = source.replace(SHOWN_REGISTRATION, ids.exact).replace(SHOWN_SESSION, callee.id);
    await run(session, name, here, real[n]);
  }
  console.log('# One of two callees was removed: nothing is deleted');
  heard([['on_unregister', callee.id, ids.exact]]);

  console.log('# The other, by the second name of the procedure: now it is');
  const source = EXAMPLES['removing a callee'].replace('wamp.registration.', 'wamp.subscription.');
  const last = source.replace(SHOWN_REGISTRATION, ids.exact).replace(SHOWN_SESSION, second.id);
  await run(session, 'removing the last callee', last, null);
  heard([['on_unregister', second.id, ids.exact], ['on_delete', second.id, ids.exact]]);

  console.log('# A session that ends takes its registrations with it');
  const { id } = callee;
  callee.connection.close();
  await callee.closed;
  await run(session, 'lists of current registrations', EXAMPLES['lists of current registrations'], none[0]);
  const about = (registration) => seen.filter(([, , what]) => what === registration);
  for (const gone of [ids.prefix, ids.wildcard]) {
    assert.deepEqual(about(gone), [['on_unregister', id, gone], ['on_delete', id, gone]]);
  }
  assert.equal(seen.length, 4);

  second.connection.close();
  session.connection.close();
  console.log('everything of the guide holds');
}

main(process.argv[2]);
