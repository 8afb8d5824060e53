// Every server of this process listens on 127.0.0.1 alone: the packages would otherwise listen
// on all interfaces, with well-known passwords.

import dns from 'node:dns'
import net from 'node:net'

dns.setDefaultResultOrder('ipv4first') // they find one another as 'localhost'

const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...args) {
  const [first, second] = args
  if (first && typeof first === 'object') {
    if (first.path === undefined && first.fd === undefined && first._handle === undefined) {
      args[0] = { ...first, host: '127.0.0.1' }
    }
  } else if (typeof first === 'number' || /^\d+$/.test(String(first))) {
    args.splice(1, typeof second === 'string' ? 1 : 0, '127.0.0.1')
  } else if (first === undefined || typeof first === 'function') {
    args = [{ port: 0, host: '127.0.0.1' }, ...args.filter((a) => typeof a === 'function')]
  }
  return listen.apply(this, args)
}
