import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { registriesRefresh, toJoinLine, toOfflineLine, toTokenOfAnyAge } from './join-lines.ts';

const hash = 'a'.repeat(64);
const url = 'https://192.0.2.1:30443';
const users: Record<string, [token: string, user: string]> = {
  'with a bootstrap token': [`K10${hash}::abcdef.0123456789abcdef`, 'node:abcdef.0123456789abcdef'],
  'with the token of the cluster': [`K10${hash}::server:pass`, 'server:pass'],
};

describe('the line of a machine that reaches the tenant only', () => {
  for (const [title, [token, user]] of Object.entries(users)) {
    it(`checks the authority before it believes anything, ${title}`, () => {
      const line = toOfflineLine({ url, token });
      execFileSync('sh', ['-n'], { input: line });
      assert.ok(line.includes(`[ "$(sha256sum < "$d/ca")" = '${hash}  -' ] ||`));
      assert.ok(line.includes(`--cacert "$d/ca" -u '${user}' '${url}/v1-warren/install.sh' -o "$d/sh" && K3S_URL=`));
    });
  }
});

describe('the line of a fresh machine', () => {
  const token = `K10${hash}::server:pass`;

  it('is the one of k3s', () => {
    assert.equal(
      toJoinLine({ url, token }, { version: 'v1.36.2+k3s1', hasRegistries: false }),
      `curl -sfL https://get.k3s.io | INSTALL_K3S_VERSION='v1.36.2+k3s1' K3S_URL='${url}' K3S_TOKEN='${token}' sh -s - agent\n`,
    );
  });

  it('writes the registries first', () => {
    const line = toJoinLine({ url, token }, { version: 'v1.36.2+k3s1', hasRegistries: true });
    execFileSync('sh', ['-n'], { input: line });
    assert.match(
      line,
      /\/v1-warren\/registries\.sh' -o "\$d\/sh" && sh "\$d\/sh" && curl -sfL https:\/\/get\.k3s\.io \|/,
    );
  });
});

describe('toTokenOfAnyAge', () => {
  const rows: Record<string, [token: string, any: string]> = {
    'makes a password of a bootstrap token': [
      `K10${hash}::abcdef.0123456789abcdef`,
      `K10${hash}::node:abcdef.0123456789abcdef`,
    ],
    'leaves the token of the cluster': [`K10${hash}::server:pass`, `K10${hash}::server:pass`],
    'leaves one without a pin': ['abcdef.0123456789abcdef', 'abcdef.0123456789abcdef'],
  };
  for (const [title, [token, any]] of Object.entries(rows)) it(title, () => assert.equal(toTokenOfAnyAge(token), any));
});

describe('the line that brings a machine its registries anew', () => {
  it('needs no token and no address', () => {
    execFileSync('sh', ['-n'], { input: registriesRefresh });
    assert.match(
      registriesRefresh,
      /client-kubelet\.crt .* https:\/\/127\.0\.0\.1:6444\/v1-warren\/registries\.sh \| sh$/,
    );
  });
});
