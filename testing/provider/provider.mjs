// A real provider for tests, on a port of its own. Its last argument is where it sends people back to. It prints its issuer,
// and ends with its standard input; the line `rotate` there gives it another key, and takes the former one out of its set.
// Whoever signs in has the address LOGIN@example.com, which is verified unless the name begins with `un`.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

// What it has to say stands between the answers otherwise.
console.info = () => {};

const redirect_uris = [process.argv.at(-1)];
const key = () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
};

// Sessions and codes are in a store of the module's own, so that they outlive a rotation.
const start = (issuer) => {
    const provider = new Provider(issuer, {
        jwks: { keys: [key()] },
        cookies: { keys: ['tests'] },
        clients: [
            // By the standard: the token says only who it is.
            { client_id: 'fairlead', client_secret: 'a secret with + and % in it', redirect_uris },
            { client_id: 'by-body', client_secret: 'secret', redirect_uris, token_endpoint_auth_method: 'client_secret_post' },
            { client_id: 'public', redirect_uris, token_endpoint_auth_method: 'none' },
        ],
        claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
        pkce: { required: () => true },
        findAccount: (context, id) => ({
            accountId: id,
            claims: () => ({
                sub: id,
                email: `${id}@example.com`,
                email_verified: !id.startsWith('un'),
                name: `${id} of the tests`,
            }),
        }),
    });
    return provider.callback();
};

let answer;
const server = createServer((request, response) => answer(request, response));
server.listen(0, '127.0.0.1', () => {
    const issuer = `http://127.0.0.1:${server.address().port}`;
    answer = start(issuer);
    console.log(issuer);
    createInterface({ input: process.stdin })
        .on('line', (line) => {
            if (line === 'rotate') {
                answer = start(issuer);
                console.log('rotated');
            }
        })
        .on('close', () => process.exit());
});
