'use strict';
// node start.js PORT: wamp-server as its readme starts it.
const Server = require('wamp-server');

new Server({ port: Number(process.argv[2]), realms: ['realm1'] });
