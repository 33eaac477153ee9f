'use strict';
// A callee in a process of its own, to be killed by a test.
//
//     node callee.js URL INVOKE PROCEDURE...
//
// Prints one line, its session id and the registration ids in the order of the procedures, then serves until it dies.

const { join } = require('./support.js');

async function serve(url, invoke, ...procedures) {
  const session = await join({ url }, 'ws-default', 'realm1');
  const ids = [];
  for (const procedure of procedures) {
    ids.push((await session.register(procedure, () => process.pid, { invoke })).id);
  }
  console.log(session.id, ...ids);
}

serve(...process.argv.slice(2));
