import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Launch } from './child-process.ts'
import { LARGE_PATH, largeBody, MEDIUM_PATH, mediumBody, SMALL } from './payload.ts'

/** Where a server listens, what is behind it, and a folder for its files. */
export interface Place {
  port: number
  /** Host and port of the backend, such as `127.0.0.1:4001`. */
  backend: string
  folder: string
}

/** As root nginx would give its workers to a user that cannot read the folder. */
const nginxUser = process.getuid?.() === 0 ? 'user root;' : ''

function nginxLaunch(command: string, folder: string, http: string): Launch {
  mkdirSync(folder, { recursive: true })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(' ')
  writeFileSync(
    join(folder, 'nginx.conf'),
    `${nginxUser}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  ${temporary}
  ${http}
}
`,
  )
  return { command, args: ['-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')] }
}

/** nginx as the backend: the cheapest there is, so that the server under test is the bottleneck. */
export function nginxBackend(command: string, { port, folder }: Omit<Place, 'backend'>): Launch {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, LARGE_PATH.slice(1)), largeBody())
  writeFileSync(join(folder, MEDIUM_PATH.slice(1)), mediumBody())
  return nginxLaunch(
    command,
    folder,
    `server {
    listen 127.0.0.1:${port};
    location / { default_type application/json; return 200 '${SMALL}'; }
    location = ${LARGE_PATH} { root ${folder}; default_type application/octet-stream; sendfile on; }
    location = ${MEDIUM_PATH} { root ${folder}; default_type application/octet-stream; sendfile on; }
  }`,
  )
}

export function nginxProxy(command: string, { port, backend, folder }: Place): Launch {
  return nginxLaunch(
    command,
    folder,
    `upstream backend { server ${backend}; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_max_temp_file_size 0;
    }
  }`,
  )
}

/** With a cache, whose files are in memory as far as the system keeps them there. */
export function nginxCache(command: string, { port, backend, folder }: Place): Launch {
  return nginxLaunch(
    command,
    folder,
    `proxy_cache_path ${folder}/cache levels=1:2 keys_zone=cache:10m max_size=64m use_temp_path=off;
  upstream backend { server ${backend}; keepalive 16; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
      proxy_cache cache;
      proxy_cache_valid 200 1h;
    }
  }`,
  )
}

export function varnishCache(command: string, { port, backend, folder }: Place): Launch {
  mkdirSync(folder, { recursive: true })
  return {
    command,
    args: [
      '-F',
      '-a',
      `127.0.0.1:${port}`,
      '-b',
      backend,
      '-n',
      join(folder, 'varnish'),
      '-s',
      'malloc,64m',
      '-t',
      '3600',
      '-j',
      'none',
    ],
  }
}

export function haproxyProxy(command: string, { port, backend, folder }: Place): Launch {
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'haproxy.cfg'),
    `global
  nbthread 1
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
  option forwardfor
listen proxy
  bind 127.0.0.1:${port}
  server backend ${backend}
`,
  )
  return { command, args: ['-db', '-f', join(folder, 'haproxy.cfg')] }
}

export function caddyProxy(command: string, { port, backend, folder }: Place): Launch {
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'Caddyfile'),
    `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  bind 127.0.0.1
  reverse_proxy ${backend}
}
`,
  )
  return {
    command,
    args: ['run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')],
    env: { XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, HOME: folder },
  }
}
