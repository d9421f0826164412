"""The commonest passwords of at least eight characters, in lower case. They are the first that an attacker tries."""

from __future__ import annotations

COMMON_PASSWORDS = frozenset(
    """
    password password1 password12 password123 password1234 password! passw0rd p@ssw0rd p@ssword pa55word
    passwort passwort1 12345678 123456789 1234567890 12345678910 0123456789 987654321 9876543210 87654321
    123123123 1234512345 123454321 123456123456 12344321 12341234 11223344 1122334455 147258369 741852963
    159357258 112233445566 123321123 12121212 qwertyui qwertyuiop qwerty12 qwerty123 qwerty1234 qwerty12345
    qwertz123 qwertzui qwertzuiop azertyui azertyuiop azerty123 1qaz2wsx 1q2w3e4r 1q2w3e4r5t q1w2e3r4
    qazwsxedc zaq12wsx zxcvbnm1 asdfghjk asdfghjkl asdf1234 zxcvbnm, qweasdzxc 1234qwer qwer1234 abcd1234
    abc12345 abc123456 abcdefgh abcdefghi a1b2c3d4 a123456789 aa123456 1a2b3c4d abcdef12 iloveyou iloveyou1
    iloveyou2 ilovegod loveyou1 lovelove princess princess1 sunshine sunshine1 football football1 baseball
    baseball1 basketball superman superman1 batman123 spiderman starwars pokemon1 pokemon123 minecraft
    minecraft1 welcome1 welcome123 welcome! letmein1 letmein123 trustno1 changeme changeme1 changeme123
    administrator admin123 admin1234 admin12345 adminadmin root1234 rootroot test1234 test12345 testtest
    testing1 guest123 user1234 login123 dragon123 monkey123 master123 shadow123 michael1 jennifer jessica1
    michelle danielle charlie1 computer internet whatever whatever1 nothing1 computer1 killer123 freedom1
    liverpool chelsea1 arsenal1 juventus barcelona realmadrid samsung1 google123 facebook facebook1 youtube1
    instagram tiktok123 snapchat secret123 secret12 geheim123 hallo123 hallo1234 schatz123 fussball qwerty!1
    charlotte elizabeth alexander alexandra christian victoria benjamin samantha butterfly chocolate
    strawberry blink182 metallica slipknot1 mustang1 corvette maverick midnight
    """.split()  # noqa: SIM905  a list would be as long as it has words
)
