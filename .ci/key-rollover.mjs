// A client's account changes its key, gets certificates for a name and for an address with the new one, and is refused
// with the old one. The module acme-client has to be installed beside this file.
//
//   node key-rollover.mjs DIRECTORY HTTP_PORT
import http from "node:http";
import acme from "acme-client";

const [directoryUrl, httpPort] = process.argv.slice(2);
const oldKey = await acme.crypto.createPrivateEcdsaKey();
const client = new acme.Client({ directoryUrl, accountKey: oldKey });
await client.createAccount({ termsOfServiceAgreed: true });
await client.updateAccountKey(await acme.crypto.createPrivateEcdsaKey());

const answers = new Map();
const server = http.createServer((request, response) => response.end(answers.get(request.url.split("/").pop())));
server.listen(Number(httpPort), "127.0.0.1");
for (const [type, value] of [["dns", "rollover.example.com"], ["ip", "127.0.0.1"]]) {
    const order = await client.createOrder({ identifiers: [{ type, value }] });
    const [authorization] = await client.getAuthorizations(order);
    const challenge = authorization.challenges.find((one) => one.type === "http-01");
    answers.set(challenge.token, await client.getChallengeKeyAuthorization(challenge));
    await client.completeChallenge(challenge);
    await client.waitForValidStatus(challenge);
    const [, request] = await acme.crypto.createCsr({ altNames: [value] });
    const finalized = await client.finalizeOrder(order, request);
    const { domains } = acme.crypto.readCertificateInfo(await client.getCertificate(finalized));
    if (domains.altNames.join() !== value) throw new Error(`a certificate for ${domains.altNames}, not for ${value}`);
}
server.close();

const late = new acme.Client({ directoryUrl, accountKey: oldKey, accountUrl: client.getAccountUrl() });
const refusal = await late.updateAccount({ contact: [] }).then(() => null, (error) => error);
if (!refusal?.message.includes("signature")) throw new Error(`the old key: ${refusal ?? "it is still accepted"}`);
