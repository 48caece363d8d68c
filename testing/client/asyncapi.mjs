// node testing/client/asyncapi.mjs FILE: fails on whatever is wrong with an AsyncAPI 3.0 document, its examples included.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// Modules are installed elsewhere.
const require = createRequire(`${process.env.FAIRLEAD_TEST_NODE_CLIENT}/`);
const { DiagnosticSeverity, Parser } = require('@asyncapi/parser');
const Ajv = require('ajv').default;

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], 'utf8'));
// Of less than warnings there is one: that 3.0 is not the newest.
const faults = diagnostics
    .filter(({ severity }) => severity <= DiagnosticSeverity.Warning)
    .map(({ code, path, message }) => `${code} at /${path.join('/')}: ${message}`);
if (document && document.version() !== '3.0.0') {
    faults.push(`it is a document of AsyncAPI ${document.version()}`);
}

// The parser does not hold examples against their schemas.
const ajv = new Ajv({ strict: false, validateFormats: false });
for (const message of document?.allMessages() ?? []) {
    for (const part of ['headers', 'payload']) {
        const schema = message[part]()?.json();
        for (const example of message.examples()) {
            const value = example[part]();
            if (schema !== undefined && value !== undefined && !ajv.validate(schema, value)) {
                faults.push(`an example of ${message.id()}: ${ajv.errorsText(ajv.errors, { dataVar: part })}`);
            }
        }
    }
}
for (const fault of faults) {
    console.error(fault);
}
process.exitCode = faults.length > 0 ? 1 : 0;
